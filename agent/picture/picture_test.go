package picture

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"strings"
	"testing"

	"golang.org/x/image/bmp"
)

// A small picture in a format that models take is sent to the last byte as it came.
func TestSmallOnesGoAsTheyAre(t *testing.T) {
	files := everyFormat(t, 60, 40)
	icc := behindStart(files["JPEG"], segment(markAPP2, "ICC_PROFILE\x00\x01\x01profile"))
	gamma := behindHeader(files["PNG"], chunk("gAMA", "\x00\x00\xb1\x8f"))
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"JPEG": {files["JPEG"], "image/jpeg"}, "PNG": {files["PNG"], "image/png"},
		"JPEG with a profile": {icc, "image/jpeg"}, "PNG with a gamma": {gamma, "image/png"},
		"of the largest size": {written(t, flag(2048, 100), png.Encode), "image/png"},
	} {
		got, err := Fit(t.Context(), c.raw)
		if err != nil || got.Type != c.want || !bytes.Equal(got.Data, c.raw) {
			t.Errorf("%s: %q of %d bytes, %v; want the %d bytes", name, got.Type, len(got.Data), err, len(c.raw))
		}
	}
}

func TestOthersBecomeJPEG(t *testing.T) {
	for name, raw := range everyFormat(t, 60, 40) {
		if name == "JPEG" || name == "PNG" {
			continue
		}
		got, err := Fit(t.Context(), raw)
		if err != nil || got.Type != "image/jpeg" {
			t.Errorf("%s: %q, %v", name, got.Type, err)
			continue
		}
		m := decoded(t, got)
		if m.Bounds().Dx() != 60 || m.Bounds().Dy() != 40 || !alike(m, 3, 3, blue) || !alike(m, 50, 30, red) {
			t.Errorf("%s: %v, %v and %v", name, m.Bounds(), m.At(3, 3), m.At(50, 30))
		}
	}
}

func TestLargeOnesBecomeSmaller(t *testing.T) {
	for name, raw := range everyFormat(t, 2100, 70) {
		got, err := Fit(t.Context(), raw)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m := decoded(t, got)
		if got.Type != "image/jpeg" || m.Bounds().Dx() != 2048 || m.Bounds().Dy() != 68 || !alike(m, 100, 10, blue) || !alike(m, 1000, 50, red) {
			t.Errorf("%s: %q, %v", name, got.Type, m.Bounds())
		}
	}
	tall, err := Fit(t.Context(), written(t, flag(3, 9000), png.Encode))
	if err != nil {
		t.Fatal(err)
	}
	if b := decoded(t, tall).Bounds(); b.Dx() != 1 || b.Dy() != 2048 {
		t.Errorf("a line became %v", b)
	}
}

// What is small in pixels and large in bytes loses quality first, and size only when
// that is not enough.
func TestBytesAreBounded(t *testing.T) {
	for name, c := range map[string]struct {
		raw          []byte
		least, final int // bytes, pixels
	}{
		"a PNG": {written(t, noise(800, 800), png.Encode), 400_000, 800},
		"size":  {written(t, noise(2048, 2048), bmp.Encode), maxData * 3 / 4, 1536},
	} {
		got, err := Fit(t.Context(), c.raw)
		if err != nil {
			t.Fatal(err)
		}
		b := decoded(t, got).Bounds()
		if len(c.raw) <= maxData || len(got.Data) > maxData || len(got.Data) < c.least || got.Type != "image/jpeg" || b.Dx() != c.final || b.Dy() != c.final {
			t.Errorf("%s: %d bytes became %d, %v", name, len(c.raw), len(got.Data), b)
		}
	}
}

// Black letters on nothing would be black on black for some models.
func TestTransparentIsWhite(t *testing.T) {
	clear := image.NewNRGBA(image.Rect(0, 0, 40, 40))
	for i := range 20 {
		clear.SetNRGBA(i, i, color.NRGBA{A: 0xff})
	}
	clear.SetNRGBA(39, 39, color.NRGBA{R: 0xff, A: 0x80})
	few := image.NewPaletted(clear.Rect, color.Palette{color.Transparent, color.Black})
	for name, raw := range map[string][]byte{"PNG": written(t, clear, png.Encode), "GIF": written(t, few, asGIF), "TIFF": written(t, clear, asTIFF)} {
		got, err := Fit(t.Context(), raw)
		if err != nil || got.Type != "image/jpeg" {
			t.Errorf("%s: %q, %v", name, got.Type, err)
			continue
		}
		if m := decoded(t, got); !alike(m, 30, 5, color.White) {
			t.Errorf("%s: %v", name, m.At(30, 5))
		}
	}
}

// Few models know the colours of printing.
func TestInksBecomeLight(t *testing.T) {
	got, err := Fit(t.Context(), inks(64, 48))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := decoded(t, got).(*image.YCbCr); !ok {
		t.Errorf("%T", decoded(t, got))
	}
}

func TestFirstFrameIsShown(t *testing.T) {
	frames := &gif.GIF{Delay: []int{1, 1}}
	for _, c := range []color.Color{blue, red} {
		frames.Image = append(frames.Image, image.NewPaletted(image.Rect(0, 0, 16, 16), color.Palette{c}))
	}
	var raw bytes.Buffer
	if err := gif.EncodeAll(&raw, frames); err != nil {
		t.Fatal(err)
	}
	got, err := Fit(t.Context(), raw.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if m := decoded(t, got); !alike(m, 8, 8, blue) {
		t.Errorf("%v", m.At(8, 8))
	}
}

func TestWhatIsNoPicture(t *testing.T) {
	unsure := written(t, flag(8, 8), asJPEG)
	unsure[bytes.Index(unsure, []byte{0xff, markSOF0})+4] = 12 // bits of a sample
	coded := written(t, flag(8, 8), bmp.Encode)
	coded[30] = 1 // run lengths
	for name, c := range map[string]struct {
		raw  string
		says string
	}{
		"nothing": {"", ""}, "a text": {"hello, world; this is no picture", ""}, "a document": {"%PDF-1.7\n%\xe2\xe3\xcf\xd3 and so on", ""},
		"half a magic": {"\x89PN", ""}, "a sound": {"RIFF\x24\x00\x00\x00WAVEfmt ", ""}, "a film": {"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00", ""},
		"HEIC":  {"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic", "HEIC"},
		"HEIF":  {"\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00mif1heic", "HEIC"},
		"AVIF":  {"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00", "AVIF"},
		"12bit": {string(unsure), "JPEG"}, "coded BMP": {string(coded), "BMP"},
	} {
		_, err := Fit(t.Context(), []byte(c.raw))
		if !errors.Is(err, ErrFormat) || errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What a file ends before is noticed, wherever it ends.
func TestDamaged(t *testing.T) {
	for name, raw := range everyFormat(t, 600, 400) {
		for _, part := range []int{16, len(raw) / 2, len(raw) - len(raw)/8} {
			_, err := Fit(t.Context(), raw[:part])
			if !errors.Is(err, ErrDamaged) || !strings.HasPrefix(err.Error(), name+": ") {
				t.Errorf("%s, %d of %d bytes: %v", name, part, len(raw), err)
			}
		}
	}
	if _, err := Fit(t.Context(), pngHeader(0, 10)); !errors.Is(err, ErrDamaged) {
		t.Errorf("no pixels: %v", err)
	}
	if _, err := Fit(t.Context(), []byte("GIF89a\x00\x00\x00\x00\x00\x00\x00")); !errors.Is(err, ErrDamaged) {
		t.Errorf("an empty canvas: %v", err)
	}
	none := []byte("GIF89a\x01\x00\x01\x00\x80\x00\x00rgbRGB,\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x01\x2c\x00;")
	if _, err := Fit(t.Context(), none); !errors.Is(err, ErrDamaged) {
		t.Errorf("an empty frame: %v", err)
	}
}

func TestNobodyWaitsForIt(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	for name, raw := range everyFormat(t, 60, 40) {
		if _, err := Fit(ctx, raw); !errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
