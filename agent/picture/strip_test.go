package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/jpeg"
	"image/png"
	"testing"
)

// Where somebody lives does not go to a model's provider, and the picture does not
// suffer from that.
func TestPrivateThingsAreLeftOut(t *testing.T) {
	const secret = "48.8584 N"
	m := noise(64, 48)
	plainJPEG, plainPNG := written(t, m, asJPEG), written(t, m, png.Encode)
	exif := string(block(binary.BigEndian, 1))
	rows := map[string]struct{ raw, want []byte }{
		"EXIF":              {behindStart(plainJPEG, segment(markAPP1, exifMark+exif)), plainJPEG},
		"XMP":               {behindStart(plainJPEG, segment(markAPP1, "http://ns.adobe.com/xap/1.0/\x00"+secret)), plainJPEG},
		"IPTC":              {behindStart(plainJPEG, segment(0xed, "Photoshop 3.0\x00"+secret)), plainJPEG},
		"comment":           {behindStart(plainJPEG, segment(0xfe, secret)), plainJPEG},
		"thumbnail":         {behindStart(plainJPEG, segment(markAPP0, "JFXX\x00\x10"+secret)), plainJPEG},
		"old thumbnail":     {behindStart(plainJPEG, segment(markAPP0, "JFIF\x00\x01\x02\x00\x00\x01\x00\x01\x01\x03"+secret)), plainJPEG},
		"many":              {behindStart(plainJPEG, segment(0xef, secret), segment(markAPP2, "MPF\x00"+secret), segment(0xe7, "")), plainJPEG},
		"behind":            {append(bytes.Clone(plainJPEG), "film of "+secret...), plainJPEG},
		"fill bytes":        {behindStart(plainJPEG, []byte{0xff, 0xff}, segment(0xfe, secret)), plainJPEG},
		"PNG: EXIF":         {behindHeader(plainPNG, chunk("eXIf", exif)), plainPNG},
		"PNG: text":         {behindHeader(plainPNG, chunk("tEXt", "GPS\x00"+secret), chunk("iTXt", secret), chunk("zTXt", secret)), plainPNG},
		"PNG: unheard of":   {behindHeader(plainPNG, chunk("prIv", secret)), plainPNG},
		"PNG: an animation": {behindHeader(plainPNG, chunk("acTL", secret)), plainPNG},
		"PNG: behind":       {append(bytes.Clone(plainPNG), chunk("IDAT", secret)...), plainPNG},
	}
	for name, row := range rows {
		if !bytes.Contains(row.raw, []byte(secret)) {
			t.Fatalf("%s: this row can show nothing", name)
		}
		got, err := Fit(t.Context(), row.raw)
		if err != nil || !bytes.Equal(got.Data, row.want) {
			t.Errorf("%s: %d bytes, %v; want the %d of the picture alone", name, len(got.Data), err, len(row.want))
		}
	}
}

func TestPrivateThingsOfOtherFormats(t *testing.T) {
	exif := block(binary.LittleEndian, 1)
	for name, raw := range map[string][]byte{"WebP": webpOf(flag(40, 30), exif), "TIFF": append(tiffOf(flag(40, 30), 1), exif...)} {
		got, err := Fit(t.Context(), raw)
		if err != nil || bytes.Contains(got.Data, []byte("48.8584")) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A JPEG that is not built as the standard says may still be readable. It is not
// taken apart, but drawn anew.
func TestOddJPEGIsDrawnAnew(t *testing.T) {
	raw := written(t, flag(64, 48), asJPEG)
	odd := behindStart(raw, segment(0xfe, ""), []byte("48.8584 N"))
	if _, err := jpeg.Decode(bytes.NewReader(odd)); err != nil {
		t.Fatal("this test can show nothing:", err)
	}
	got, err := Fit(t.Context(), odd)
	if err != nil || bytes.Contains(got.Data, []byte("48.8584")) || len(got.Data) == 0 {
		t.Errorf("%d bytes, %v", len(got.Data), err)
	}
}

// Restart markers and several scans are data of the picture.
func TestProgressiveIsKeptWhole(t *testing.T) {
	raw := progressive(64, 64, 3)
	raw = behindStart(raw, segment(0xfe, "comment"))
	got, err := Fit(t.Context(), raw)
	if err != nil || len(got.Data) != len(raw)-len("comment")-4 {
		t.Fatalf("%d of %d bytes, %v", len(got.Data), len(raw), err)
	}
	if scans := bytes.Count(got.Data, []byte{0xff, markSOS}); scans != 4 {
		t.Errorf("%d scans", scans)
	}
	if n := scanLength([]byte{1, 0xff, 0, 0xff, markRST0 + 3, 2, 0xff, markEOI}); n != 6 {
		t.Errorf("a scan of %d bytes", n)
	}
	if n := scanLength([]byte{1, 0xff}); n != 2 {
		t.Errorf("a scan that is cut off: %d bytes", n)
	}
}

func TestStripOfHalfAFile(t *testing.T) {
	for i, raw := range [][]byte{written(t, flag(9, 9), asJPEG), written(t, flag(9, 9), png.Encode)} {
		for n := range len(raw) {
			if begins(raw[:n], formats[i].magic) {
				if _, ok := formats[i].strip(raw[:n]); ok {
					t.Errorf("%s: %d of %d bytes are whole", formats[i].name, n, len(raw))
				}
			}
		}
		if _, ok := formats[i].strip(raw); !ok {
			t.Errorf("%s: the whole is not", formats[i].name)
		}
	}
}

func FuzzStrip(f *testing.F) {
	small := flag(9, 9)
	for _, raw := range [][]byte{
		written(f, small, asJPEG), written(f, small, png.Encode), progressive(16, 16, 2), webpOf(small, block(binary.BigEndian, 6)),
		behindStart(written(f, small, asJPEG), segment(markAPP1, exifMark+string(block(binary.LittleEndian, 5)))),
	} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		webpEXIF(raw)
		for _, kind := range formats[:2] {
			if kind.memory(raw, image.Config{Width: 1, Height: 1}) <= 0 {
				t.Errorf("%s: it takes no memory", kind.name)
			}
			if !begins(raw, kind.magic) {
				continue
			}
			bare, ok := kind.strip(raw)
			if !ok {
				continue
			}
			if len(kind.exif(bare)) > 0 {
				t.Errorf("%s: EXIF is left", kind.name)
			}
			if again, ok := kind.strip(bare); !ok || !bytes.Equal(again, bare) {
				t.Errorf("%s: %x is stripped again to %x", kind.name, bare, again)
			}
			before, err := kind.decode(bytes.NewReader(raw))
			if err != nil || before.Bounds().Dx() > 256 || before.Bounds().Dy() > 256 {
				continue
			}
			if after, err := kind.decode(bytes.NewReader(bare)); err == nil && after.Bounds() != before.Bounds() {
				t.Errorf("%s: %v became %v", kind.name, before.Bounds(), after.Bounds())
			}
		}
	})
}
