package picture

import (
	"bytes"
	"context"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"math"
	"testing"
)

func TestWithin(t *testing.T) {
	for _, c := range [][4]int{
		{1, 1, 1, 1}, {2048, 2048, 2048, 2048}, {100, 50, 100, 50}, {4096, 2048, 2048, 1024}, {2049, 1, 2048, 1},
		{3000, 1000, 2048, 683}, {1, 65535, 1, 2048}, {8000, 8000, 2048, 2048},
	} {
		if w, h := within(c[0], c[1], 2048); w != c[2] || h != c[3] {
			t.Errorf("%d x %d became %d x %d", c[0], c[1], w, h)
		}
	}
}

// meanOf is what a pixel of the smaller picture has to be, the long way round.
func meanOf(m *image.RGBA, w, h, x, y, channel int) float64 {
	width, height := float64(m.Rect.Dx()), float64(m.Rect.Dy())
	left, right := float64(x)*width/float64(w), float64(x+1)*width/float64(w)
	top, bottom := float64(y)*height/float64(h), float64(y+1)*height/float64(h)
	sum, weight := 0.0, 0.0
	for row := int(top); row < m.Rect.Dy() && float64(row) < bottom; row++ {
		for column := int(left); column < m.Rect.Dx() && float64(column) < right; column++ {
			part := (min(float64(column+1), right) - max(float64(column), left)) * (min(float64(row+1), bottom) - max(float64(row), top))
			sum += part * float64(m.Pix[m.PixOffset(column, row)+channel])
			weight += part
		}
	}
	return sum / weight
}

func TestShrinkIsTheMean(t *testing.T) {
	for _, c := range [][4]int{{7, 5, 7, 5}, {7, 5, 3, 2}, {64, 64, 32, 16}, {61, 47, 60, 46}, {100, 3, 1, 1}, {5, 700, 2, 333}, {300, 300, 299, 1}} {
		m := noise(c[0], c[1])
		got, err := shrink(t.Context(), m, c[2], c[3])
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range got.Pix {
			x, y := i/4%c[2], i/4/c[2]
			if want := meanOf(m, c[2], c[3], x, y, i%4); math.Abs(float64(v)-want) > 0.501 {
				t.Fatalf("%v: at %d, %d: %d, want %f", c, x, y, v, want)
			}
		}
	}
}

// Every kind of picture that a decoder returns can be drawn, also one that does not
// begin at 0, 0.
func TestShrinkTakesAnyPicture(t *testing.T) {
	part := image.Rect(5, 7, 45, 37)
	bounds := image.Rect(0, 0, 50, 50)
	kinds := map[string]interface {
		image.Image
		Set(x, y int, c color.Color)
	}{
		"RGBA": image.NewRGBA(part), "NRGBA": image.NewNRGBA(part), "RGBA64": image.NewRGBA64(part), "NRGBA64": image.NewNRGBA64(part),
		"CMYK": image.NewCMYK(part), "Paletted": image.NewPaletted(part, color.Palette{color.White, color.Black, red}),
	}
	for name, m := range kinds {
		for y := range 50 {
			for x := range 50 {
				m.Set(x, y, red)
			}
		}
		got, err := shrink(t.Context(), m, 20, 15)
		if err != nil || !alike(got, 0, 0, red) || !alike(got, 19, 14, red) {
			t.Errorf("%s: %v and %v, %v", name, got.At(0, 0), got.At(19, 14), err)
		}
	}
	gray := image.NewYCbCr(bounds, image.YCbCrSubsampleRatio420)
	for i := range gray.Cb {
		gray.Cb[i], gray.Cr[i] = 0x80, 0x80
	}
	got, err := shrink(t.Context(), gray.SubImage(part), 20, 15)
	if err != nil || !alike(got, 19, 14, color.Black) {
		t.Errorf("YCbCr: %v, %v", got.At(19, 14), err)
	}
	veil := image.NewNYCbCrA(bounds, image.YCbCrSubsampleRatio420)
	if got, err = shrink(t.Context(), veil, 20, 15); err != nil || !alike(got, 10, 10, color.White) {
		t.Errorf("NYCbCrA: %v, %v", got.At(10, 10), err)
	}
}

func TestEncodeKeepsWhatItCan(t *testing.T) {
	m := noise(200, 100)
	last := math.MaxInt
	for _, limit := range []int{1 << 20, 12000, 9000, 4000, 1500, 700} {
		data, err := encode(t.Context(), m, limit)
		if err != nil {
			t.Fatal(err)
		}
		config, err := jpeg.DecodeConfig(bytes.NewReader(data))
		if err != nil || len(data) > limit || len(data) > last {
			t.Errorf("within %d: %d bytes, %v", limit, len(data), err)
		}
		if ratio := float64(config.Width) / float64(config.Height); math.Abs(ratio-2) > 0.2 || (limit == 1<<20) != (config.Width == 200 && len(data) > 12000) {
			t.Errorf("within %d: %d x %d, %d bytes", limit, config.Width, config.Height, len(data))
		}
		last = len(data)
	}
}

func TestDrawingEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	gone := errors.New("gone")
	cancel(gone)
	if _, err := shrink(ctx, flag(8, 8), 4, 4); !errors.Is(err, gone) {
		t.Errorf("shrink: %v", err)
	}
	if _, err := encode(ctx, flag(8, 8), maxData); !errors.Is(err, gone) {
		t.Errorf("encode: %v", err)
	}
}
