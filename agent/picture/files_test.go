package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
)

var (
	red  = color.RGBA{0xff, 0, 0, 0xff}
	blue = color.RGBA{0, 0, 0xff, 0xff}
)

// flag is red, with a blue corner at the top left of a quarter of its sides.
func flag(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			m.SetRGBA(x, y, red)
			if x < w/4 && y < h/4 {
				m.SetRGBA(x, y, blue)
			}
		}
	}
	return m
}

// noise cannot be compressed.
func noise(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	random := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(random.Uint32()) | byte(i%4/3*0xff)
	}
	return m
}

// written is m in a format that there is an encoder for.
func written(t testing.TB, m image.Image, encode func(io.Writer, image.Image) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }
func asGIF(w io.Writer, m image.Image) error  { return gif.Encode(w, m, nil) }
func asTIFF(w io.Writer, m image.Image) error {
	return tiff.Encode(w, m, &tiff.Options{Compression: tiff.Deflate})
}

// inTwo is m in a palette of red and blue.
func inTwo(m *image.RGBA) *image.Paletted {
	out := image.NewPaletted(m.Rect, color.Palette{red, blue})
	for i := range out.Pix {
		out.Pix[i] = m.Pix[4*i+2] >> 7
	}
	return out
}

// everyFormat is the same flag in every format.
func everyFormat(t testing.TB, w, h int) map[string][]byte {
	m := flag(w, h)
	return map[string][]byte{
		"JPEG": written(t, m, asJPEG), "PNG": written(t, m, png.Encode), "GIF": written(t, inTwo(m), asGIF),
		"BMP": written(t, m, bmp.Encode), "TIFF": written(t, m, asTIFF), "WebP": webpOf(m, nil),
	}
}

// decoded are the pixels of a picture, which has to be one that models take.
func decoded(t testing.TB, p Picture) image.Image {
	t.Helper()
	decode := map[string]func(io.Reader) (image.Image, error){"image/jpeg": jpeg.Decode, "image/png": png.Decode}[p.Type]
	if decode == nil {
		t.Fatalf("type %q", p.Type)
	}
	m, err := decode(bytes.NewReader(p.Data))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// alike reports whether a pixel has about that colour, as far as a JPEG keeps it.
func alike(m image.Image, x, y int, want color.Color) bool {
	r, g, b, a := m.At(m.Bounds().Min.X+x, m.Bounds().Min.Y+y).RGBA()
	wantR, wantG, wantB, wantA := want.RGBA()
	near := func(x, y uint32) bool { return max(x, y)-min(x, y) < 0x1400 }
	return near(r, wantR) && near(g, wantG) && near(b, wantB) && near(a, wantA)
}

// block is an EXIF block with an orientation and something private.
func block(order binary.AppendByteOrder, orientation uint16) []byte {
	b := []byte("II")
	if order.String() == "BigEndian" {
		b = []byte("MM")
	}
	b = order.AppendUint16(b, 42)
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	b = entry(order, b, 0x010f, 2, 4, 0x53656372) // the maker of the camera
	b = entry(order, b, 0x0112, 3, 1, 0)
	order.(binary.ByteOrder).PutUint16(b[len(b)-4:], orientation)
	b = order.AppendUint32(b, 0)
	return append(b, "48.8584 N"...)
}

func entry(order binary.AppendByteOrder, b []byte, tag, kind uint16, count, value uint32) []byte {
	b = order.AppendUint16(b, tag)
	b = order.AppendUint16(b, kind)
	b = order.AppendUint32(b, count)
	return order.AppendUint32(b, value)
}

// segment is one of a JPEG.
func segment(mark byte, data string) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xff, mark}, uint16(2+len(data)))
	return append(b, data...)
}

// behindStart puts segments at the beginning of a JPEG.
func behindStart(raw []byte, segments ...[]byte) []byte {
	return bytes.Join([][]byte{raw[:2], bytes.Join(segments, nil), raw[2:]}, nil)
}

// chunk is one of a PNG.
func chunk(kind, data string) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	b = append(b, kind+data...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// behindHeader puts chunks behind the first one of a PNG.
func behindHeader(raw []byte, chunks ...[]byte) []byte {
	const header = 8 + 12 + 13
	return bytes.Join([][]byte{raw[:header], bytes.Join(chunks, nil), raw[header:]}, nil)
}

// pngHeader is a PNG that says that it is so large, and has no pixels.
func pngHeader(w, h uint32) []byte {
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, w), h)
	return append([]byte(pngMagic), chunk("IHDR", string(size)+"\x08\x06\x00\x00\x00")...)
}

// bits are written from the lowest one.
type bits struct {
	out  []byte
	used int
}

func (b *bits) put(value, n int) {
	for i := range n {
		if b.used%8 == 0 {
			b.out = append(b.out, 0)
		}
		b.out[b.used/8] |= byte(value>>i&1) << (b.used % 8)
		b.used++
	}
}

// webpOf is a lossless WebP of red and blue, and an EXIF block where there is one.
func webpOf(m *image.RGBA, exif []byte) []byte {
	var b bits
	b.put(0x2f, 8)
	b.put(m.Rect.Dx()-1, 14)
	b.put(m.Rect.Dy()-1, 14)
	b.put(0, 1+3+1+1+1) // no alpha, version 0; no transform, no colour cache, no groups
	code := func(symbols ...int) {
		b.put(1, 1) // a simple code
		b.put(len(symbols)-1, 1)
		b.put(1, 1) // of eight bits
		for _, symbol := range symbols {
			b.put(symbol, 8)
		}
	}
	// In this order: green, red, blue, alpha, distance. Only red and blue differ.
	code(0)
	code(0, 0xff)
	code(0, 0xff)
	code(0xff)
	code(0)
	for i := 0; i < len(m.Pix); i += 4 {
		b.put(int(m.Pix[i]>>7|m.Pix[i+2]>>7<<1), 2)
	}
	body := "WEBP" + riff("VP8L", string(b.out))
	if exif != nil {
		size := string([]byte{8, 0, 0, 0, byte(m.Rect.Dx() - 1), byte((m.Rect.Dx() - 1) >> 8), 0, byte(m.Rect.Dy() - 1), byte((m.Rect.Dy() - 1) >> 8), 0})
		body = "WEBP" + riff("VP8X", size) + riff("VP8L", string(b.out)) + riff("EXIF", string(exif))
	}
	return []byte(riff("RIFF", body))
}

// lossy is a WebP in which all probabilities and all data are zero.
func lossy(w, h int) []byte {
	part := make([]byte, 4096)
	tag := uint32(1)<<4 | uint32(len(part))<<5 // a key frame, shown
	b := []byte{byte(tag), byte(tag >> 8), byte(tag >> 16), 0x9d, 0x01, 0x2a, byte(w), byte(w >> 8), byte(h), byte(h >> 8)}
	b = append(append(b, part...), make([]byte, w*h/16)...)
	return []byte(riff("RIFF", "WEBP"+riff("VP8 ", string(b))))
}

// inks is a gray JPEG of four printing inks.
func inks(w, h int) []byte {
	size := string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(h)), uint16(w)))
	one := "\x01" + strings.Repeat("\x00", 15) // one code, of one bit
	return bytes.Join([][]byte{
		{0xff, markSOI},
		segment(markAPP14, "Adobe\x00\x64\x00\x00\x00\x00\x00"),
		segment(markDQT, "\x00"+strings.Repeat("\x01", 64)),
		segment(markSOF0, "\x08"+size+"\x04\x01\x11\x00\x02\x11\x00\x03\x11\x00\x04\x11\x00"),
		segment(0xc4, "\x00"+one+"\x00"+"\x10"+one+"\x00"),
		segment(markSOS, "\x04\x01\x00\x02\x00\x03\x00\x04\x00\x00\x3f\x00"),
		make([]byte, (w+7)/8*((h+7)/8)), // two bits a block
		{0xff, markEOI},
	}, nil)
}

// interlaced is a black PNG in the seven passes of Adam7.
func interlaced(t testing.TB, w, h int) []byte {
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	for _, pass := range [][4]int{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		columns, rows := (w-pass[0]+pass[2]-1)/pass[2], (h-pass[1]+pass[3]-1)/pass[3]
		if _, err := z.Write(make([]byte, rows*(1+columns))); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	size := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, uint32(w)), uint32(h))
	return bytes.Join([][]byte{
		[]byte(pngMagic), chunk("IHDR", string(size)+"\x08\x00\x00\x00\x01"), chunk("IDAT", packed.String()), chunk("IEND", ""),
	}, nil)
}

func riff(kind, data string) string {
	length := binary.LittleEndian.AppendUint32(nil, uint32(len(data)))
	return kind + string(length) + data + strings.Repeat("\x00", len(data)%2)
}

// tiffOf is an uncompressed TIFF that has to be turned.
func tiffOf(m *image.RGBA, orientation uint32) []byte {
	order := binary.LittleEndian
	var pixels []byte
	for i := 0; i < len(m.Pix); i += 4 {
		pixels = append(pixels, m.Pix[i:i+3]...)
	}
	b := append([]byte("II*\x00"), 0, 0, 0, 0)
	b = append(b, 8, 0, 8, 0, 8, 0)
	b = append(b, pixels...)
	order.PutUint32(b[4:], uint32(len(b)))
	b = order.AppendUint16(b, 9)
	for _, e := range [][4]uint32{
		{256, 4, 1, uint32(m.Rect.Dx())}, {257, 4, 1, uint32(m.Rect.Dy())}, {258, 3, 3, 8}, {259, 3, 1, 1}, {262, 3, 1, 2},
		{273, 4, 1, 14}, {274, 3, 1, orientation}, {277, 3, 1, 3}, {279, 4, 1, uint32(len(pixels))},
	} {
		b = entry(order, b, uint16(e[0]), uint16(e[1]), e[2], e[3])
	}
	return order.AppendUint32(b, 0)
}
