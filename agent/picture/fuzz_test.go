package picture

import (
	"encoding/binary"
	"errors"
	"image"
	"image/png"
	"testing"
)

func FuzzFit(f *testing.F) {
	for _, raw := range everyFormat(f, 20, 12) {
		f.Add(raw)
	}
	f.Add(progressive(32, 32, 2))
	f.Add(webpOf(flag(8, 8), block(binary.BigEndian, 7)))
	f.Add(tiffOf(flag(8, 8), 5))
	f.Add(behindStart(written(f, flag(16, 16), asJPEG), segment(markAPP1, exifMark+string(block(binary.LittleEndian, 8)))))
	f.Add(written(f, image.NewNRGBA(image.Rect(0, 0, 3, 3)), png.Encode))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if kind, err := formatOf(raw); err == nil {
			if config, err := kind.size(t.Context(), raw); err == nil && config.Width*config.Height > 1<<20 {
				t.Skip("nothing is learnt from many pixels, but it takes long")
			}
		}
		got, err := Fit(t.Context(), raw)
		if err != nil {
			if !errors.Is(err, ErrFormat) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrDamaged) || got.Data != nil {
				t.Errorf("%d bytes, %v", len(got.Data), err)
			}
			return
		}
		if m := decoded(t, got); len(got.Data) > maxData || max(m.Bounds().Dx(), m.Bounds().Dy()) > maxSide {
			t.Errorf("%d bytes, %v", len(got.Data), m.Bounds())
		}
	})
}
