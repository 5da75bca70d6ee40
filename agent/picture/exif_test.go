package picture

import (
	"encoding/binary"
	"image"
	"image/png"
	"testing"
)

// sides says where the first row and the first column of a stored picture are when
// it is looked at, for each orientation in the words of the EXIF standard.
var sides = [9]struct{ row, column string }{
	1: {"top", "left"}, 2: {"top", "right"}, 3: {"bottom", "right"}, 4: {"bottom", "left"},
	5: {"left", "top"}, 6: {"right", "top"}, 7: {"right", "bottom"}, 8: {"left", "bottom"},
}

// stored is how a camera stores what is upright in m.
func stored(m *image.RGBA, orientation int) *image.RGBA {
	w, h := m.Rect.Dx(), m.Rect.Dy()
	out := image.NewRGBA(m.Rect)
	if orientation >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	seen := sides[orientation]
	for row := range out.Rect.Dy() {
		for column := range out.Rect.Dx() {
			var x, y int
			for side, n := range map[string]int{seen.row: row, seen.column: column} {
				switch side {
				case "top":
					y = n
				case "bottom":
					y = h - 1 - n
				case "left":
					x = n
				case "right":
					x = w - 1 - n
				}
			}
			out.SetRGBA(column, row, m.RGBAAt(x, y))
		}
	}
	return out
}

func TestEveryOrientation(t *testing.T) {
	for value := 1; value <= 8; value++ {
		m := stored(flag(160, 80), value)
		asTold, backwards := block(binary.BigEndian, uint16(value)), block(binary.LittleEndian, uint16(value))
		for name, raw := range map[string][]byte{
			"JPEG":         behindStart(written(t, m, asJPEG), segment(markAPP1, exifMark+string(asTold))),
			"JPEG, little": behindStart(written(t, m, asJPEG), segment(markAPP1, "XMP"), segment(markAPP1, exifMark+string(backwards))),
			"PNG":          behindHeader(written(t, m, png.Encode), chunk("eXIf", string(asTold))),
			"WebP":         webpOf(m, asTold),
			"WebP, marked": webpOf(m, append([]byte(exifMark), backwards...)),
			"TIFF":         tiffOf(m, uint32(value)),
		} {
			got, err := Fit(t.Context(), raw)
			if err != nil {
				t.Errorf("%s, %d: %v", name, value, err)
				continue
			}
			up := decoded(t, got)
			if up.Bounds().Dx() != 160 || up.Bounds().Dy() != 80 || !alike(up, 10, 5, blue) || !alike(up, 150, 5, red) || !alike(up, 10, 75, red) || !alike(up, 150, 75, red) {
				t.Errorf("%s, %d: %v with %v at the top left", name, value, up.Bounds(), up.At(10, 5))
			}
		}
	}
}

// Scaling and turning go together.
func TestLargeOneIsTurned(t *testing.T) {
	m := stored(flag(70, 2100), 6)
	got, err := Fit(t.Context(), behindStart(written(t, m, asJPEG), segment(markAPP1, exifMark+string(block(binary.BigEndian, 6)))))
	if err != nil {
		t.Fatal(err)
	}
	if up := decoded(t, got); up.Bounds().Dx() != 68 || up.Bounds().Dy() != 2048 || !alike(up, 5, 50, blue) || !alike(up, 60, 50, red) {
		t.Errorf("%v", up.Bounds())
	}
}

func TestOrientationOfBadBlocks(t *testing.T) {
	good := block(binary.BigEndian, 6)
	if got := orientation(good); got != 6 {
		t.Fatalf("got %d", got)
	}
	change := func(at int, value byte) []byte {
		b := append([]byte(nil), good...)
		b[at] = value
		return b
	}
	for name, b := range map[string][]byte{
		"nothing": nil, "cut off": good[:20], "cut inside the entry": good[:30], "no order": change(0, 'X'), "mixed order": change(1, 'I'),
		"not 42": change(3, 43), "far away": change(4, 0xff), "at the end": change(7, byte(len(good))), "no entries": change(9, 0),
		"another type": change(8+2+12+3, 4), "too high": change(8+2+12+9, 9), "zero": change(8+2+12+9, 0), "far too high": change(8+2+12+8, 1),
	} {
		if got := orientation(b); got != 1 {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func FuzzOrientation(f *testing.F) {
	f.Add(block(binary.BigEndian, 6))
	f.Add(block(binary.LittleEndian, 3))
	f.Add(tiffOf(flag(2, 2), 8))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got := orientation(b); got < 1 || got > 8 {
			t.Errorf("%d", got)
		}
	})
}
