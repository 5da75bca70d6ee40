package admin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a new certificate and its key, as of a time.
func writeCertificate(t *testing.T, folder string, serial int64, at time.Time) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secret}} {
		writeAt(t, path, pem.EncodeToMemory(block), at)
	}
	return cert, key
}

func writeAt(t *testing.T, path string, content []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

// serial is the number of the certificate that the server shows.
func serial(t *testing.T, s *Server) int64 {
	t.Helper()
	s.cert.mu.Lock()
	s.cert.looked = time.Time{} // as if a while had passed
	s.cert.mu.Unlock()
	conn, err := tls.Dial("tcp", s.Addr(), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

func TestCertificateIsReadAgainWhenItChanges(t *testing.T) {
	folder, now := t.TempDir(), time.Now().Truncate(time.Second)
	cert, key := writeCertificate(t, folder, 1, now)
	s := start(t, Config{Token: "s3cret", Cert: cert, Key: key})
	if got := serial(t, s); got != 1 {
		t.Errorf("it begins with %d", got)
	}
	writeCertificate(t, folder, 2, now.Add(time.Second))
	if got := serial(t, s); got != 2 {
		t.Errorf("the new one is %d", got)
	}
	whole, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	writeAt(t, cert, whole[:len(whole)/2], now.Add(2*time.Second))
	if got := serial(t, s); got != 2 {
		t.Errorf("half of the next one made it %d", got)
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	if got := serial(t, s); got != 2 {
		t.Errorf("without a key it is %d", got)
	}
	writeCertificate(t, folder, 3, now.Add(3*time.Second))
	if got := serial(t, s); got != 3 {
		t.Errorf("the one after is %d", got)
	}
}

func TestBadCertificateIsAnErrorAtTheStart(t *testing.T) {
	folder := t.TempDir()
	cert, _ := writeCertificate(t, folder, 1, time.Now())
	if _, err := New(Config{Listen: "127.0.0.1:0", Store: pinger(fine), Desk: newStore(t), Cert: cert, Key: cert}, quiet()); err == nil {
		t.Error("a certificate is taken for a key")
	}
	if _, err := New(Config{Listen: "127.0.0.1:0", Store: pinger(fine), Desk: newStore(t), Cert: filepath.Join(folder, "gone"), Key: cert}, quiet()); err == nil {
		t.Error("a certificate that is not there is taken")
	}
}

func TestClientTrustsNothingButTheCertificate(t *testing.T) {
	cert, key := writeCertificate(t, t.TempDir(), 1, time.Now())
	other, _ := writeCertificate(t, t.TempDir(), 1, time.Now())
	s := start(t, Config{Token: "s3cret", Cert: cert, Key: key})
	client := NewClient(s.Addr(), "s3cret")
	if err := client.Trust(cert); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if err := client.Trust(other); err != nil {
		t.Fatal(err)
	}
	if _, err := client.Health(t.Context()); err == nil || !strings.Contains(err.Error(), "admin.tls.cert") {
		t.Errorf("another certificate is trusted: %v", err)
	}
	for _, file := range []string{key, filepath.Join(t.TempDir(), "gone")} {
		if err := client.Trust(file); err == nil {
			t.Errorf("%s is a certificate", file)
		}
	}
}

// Over TLS the cookie says so, and nobody in between can set one.
func TestCookieIsSecureOverTLS(t *testing.T) {
	cert, key := writeCertificate(t, t.TempDir(), 1, time.Now())
	s := start(t, Config{Token: "s3cret", Cert: cert, Key: key})
	client := http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	defer client.CloseIdleConnections()
	resp, err := client.Post("https://"+s.Addr()+"/api/login", "application/json", strings.NewReader(`{"token":"s3cret"}`))
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	cookies := resp.Cookies()
	if len(cookies) != 1 || !cookies[0].Secure || !strings.HasPrefix(cookies[0].Name, "__Host-") {
		t.Errorf("cookies %v", cookies)
	}
	if status, _ := plain(t, s); status != http.StatusBadRequest {
		t.Errorf("plain HTTP: %d", status)
	}
	config := *s.now()
	config.Cert, config.Key = "", ""
	s.Set(config)
	if status, _ := plain(t, s); status != http.StatusOK {
		t.Errorf("plain HTTP after TLS was turned off: %d", status)
	}
}

func plain(t *testing.T, s *Server) (int, string) { return ask(t, s, http.MethodGet, "/", "") }
