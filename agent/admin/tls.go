package admin

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// door speaks TLS with those who come in while there is a certificate.
type door struct {
	net.Listener
	server *Server
}

// Accept waits for somebody. It does not wait for their handshake.
func (d *door) Accept() (net.Conn, error) {
	conn, err := d.Listener.Accept()
	if err != nil || d.server.now().Cert == "" {
		return conn, err
	}
	return tls.Server(conn, &tls.Config{
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return d.server.certified() },
	}), nil
}

// certificate is what was read last from the files.
type certificate struct {
	mu     sync.Mutex
	loaded *tls.Certificate // nil before the first; guarded by mu, as all below
	stamp  stamp            // of the files when they were read, or could not be
	looked time.Time
}

// stamp tells whether two files are still the same.
type stamp struct {
	certFile, keyFile string
	certTime, keyTime time.Time
	certSize, keySize int64
}

// certificateLook is how long the files are not looked at again.
const certificateLook = time.Second

// certify reads the certificate, where there is one: without it we do not begin.
func (s *Server) certify(config Config) error {
	if config.Cert == "" {
		return nil
	}
	_, err := s.certified()
	return err
}

// certified is the certificate of now. Where the files have changed and cannot be
// read, perhaps because only one of the two is new yet, it is the last good one.
func (s *Server) certified() (*tls.Certificate, error) {
	config, c := s.now(), &s.cert
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	if c.loaded != nil && now.Sub(c.looked) < certificateLook {
		return c.loaded, nil
	}
	c.looked = now
	is, err := stampOf(config.Cert, config.Key)
	if err == nil && c.loaded != nil && is == c.stamp {
		return c.loaded, nil
	}
	var pair tls.Certificate
	if err == nil {
		pair, err = tls.LoadX509KeyPair(config.Cert, config.Key)
	}
	fresh := is != c.stamp
	c.stamp = is
	switch {
	case err == nil:
		if c.loaded != nil {
			s.log.Info("new certificate", "file", config.Cert)
		}
		c.loaded = &pair
	case c.loaded == nil:
		return nil, fmt.Errorf("certificate: %w", err)
	case fresh:
		s.log.Warn("the new certificate cannot be used, the old one stays", "file", config.Cert, "err", err)
	}
	return c.loaded, nil
}

func stampOf(cert, key string) (stamp, error) {
	is := stamp{certFile: cert, keyFile: key}
	c, err := os.Stat(cert)
	if err != nil {
		return is, err
	}
	k, err := os.Stat(key)
	if err != nil {
		return is, err
	}
	is.certTime, is.certSize = c.ModTime(), c.Size()
	is.keyTime, is.keySize = k.ModTime(), k.Size()
	return is, nil
}
