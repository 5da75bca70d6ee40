package picture

import (
	"context"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/color/palette"
	"image/png"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/image/bmp"
)

// progressive is a gray JPEG without light and shade, which goes over all its pixels
// as often as it has further scans. Each of these is a few bytes: a code that says
// that the next 32767 blocks have nothing to add.
func progressive(w, h, further int) []byte {
	size := string(binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, uint16(h)), uint16(w)))
	raw := []byte{0xff, markSOI}
	raw = append(raw, segment(markDQT, "\x00"+strings.Repeat("\x01", 64))...)
	raw = append(raw, segment(markSOF2, "\x08"+size+"\x01\x01\x11\x00")...)
	one := "\x01" + strings.Repeat("\x00", 15) // one code, of one bit
	raw = append(raw, segment(0xc4, "\x00"+one+"\x00"+"\x10"+one+"\xe0")...)
	blocks := (w + 7) / 8 * ((h + 7) / 8)
	raw = append(raw, segment(markSOS, "\x01\x01\x00\x00\x00\x00")...)
	raw = append(raw, make([]byte, (blocks+7)/8)...) // a bit a block: it is as the one before
	var runs []byte
	for bit := range (blocks + 32766) / 32767 * 15 {
		if bit%8 == 0 {
			runs = append(runs, 0)
		}
		if bit%15 != 0 {
			runs[bit/8] |= 0x80 >> (bit % 8)
		}
	}
	scan := string(segment(markSOS, "\x01\x01\x00\x01\x3f\x00")) + strings.ReplaceAll(string(runs), "\xff", "\xff\x00")
	raw = append(raw, strings.Repeat(scan, further)...)
	return append(raw, 0xff, markEOI)
}

// Small files that say they are large cost next to nothing.
func TestBombsAreRefused(t *testing.T) {
	coded := progressive(8000, 8000, 0)
	rich := strings.Replace(string(coded), "\xff\xc2\x00\x0b\x08\x1f\x40\x1f\x40\x01\x01\x11\x00", "\xff\xc2\x00\x11\x08\x1f\x40\x1f\x40\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00", 1)
	for name, raw := range map[string][]byte{
		"PNG":                 pngHeader(60000, 60000),
		"PNG, a line":         pngHeader(1, 1<<20),
		"PNG, overflow":       pngHeader(1<<31-1, 1),
		"just above":          pngHeader(8001, 8000),
		"GIF":                 []byte("GIF89a\xff\xff\xff\xff\x00\x00\x00"),
		"JPEG":                []byte(strings.Replace(string(coded), "\x1f\x40\x1f\x40", "\xff\xff\xff\xff", 1)),
		"BMP":                 []byte("BM\x00\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x60\xea\x00\x00\x60\xea\x00\x00\x01\x00\x18\x00\x00\x00\x00\x00" + strings.Repeat("\x00", 20)),
		"WebP":                []byte(riff("RIFF", "WEBP"+riff("VP8L", "\x2f\xff\xff\xff\x0f\x00\x00"))),
		"TIFF":                hugeTIFF(),
		"too many components": []byte(rich),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Fit(t.Context(), raw)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %v", name, err)
		}
		if cost := after.TotalAlloc - before.TotalAlloc; cost > 256<<10 {
			t.Errorf("%s: %d KiB were allocated", name, cost>>10)
		}
	}
}

func hugeTIFF() []byte {
	raw := tiffOf(flag(4, 4), 1)
	at := int(binary.LittleEndian.Uint32(raw[4:])) + 2
	binary.LittleEndian.PutUint32(raw[at+8:], 60000)
	binary.LittleEndian.PutUint32(raw[at+12+8:], 60000)
	return raw
}

// A file of a few hundred kilobytes that takes minutes is left when nobody waits any
// more.
func TestEndlessJPEGIsLeft(t *testing.T) {
	raw := progressive(4000, 4000, 20000)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	if _, err := Fit(ctx, raw); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("it took %s", took)
	}
}

// What takes longer than our patience is too large, and what nobody waits for is
// neither that nor damaged.
func TestSlowDecoder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := format{name: "slow", decode: func(r io.Reader) (image.Image, error) {
			time.Sleep(2 * patience)
			_, err := io.ReadAll(r)
			return nil, err
		}}
		ctx, cancel := context.WithTimeoutCause(t.Context(), patience, errSlow)
		defer cancel()
		if _, err := slow.pixels(ctx, []byte("x")); !errors.Is(err, ErrTooLarge) || errors.Is(err, ErrDamaged) {
			t.Errorf("%v", err)
		}
	})
}

func TestPanicOfADecoder(t *testing.T) {
	bad := format{name: "bad", decode: func(io.Reader) (image.Image, error) { panic("index out of range") }}
	if _, err := bad.pixels(t.Context(), nil); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "index out of range") {
		t.Errorf("%v", err)
	}
}

// No decoder takes more than it was given room for.
func TestMemoryIsNotUnderestimated(t *testing.T) {
	files := everyFormat(t, 600, 500)
	deep, gray := image.NewNRGBA64(image.Rect(0, 0, 600, 500)), image.NewGray(image.Rect(0, 0, 600, 500))
	few := image.NewPaletted(gray.Rect, palette.Plan9)
	copy(few.Pix, noise(600, 500).Pix)
	files["PNG, deep"] = written(t, deep, png.Encode)
	files["PNG, gray"], files["JPEG, gray"], files["BMP, gray"], files["TIFF, gray"] = written(t, gray, png.Encode), written(t, gray, asJPEG), written(t, gray, bmp.Encode), written(t, gray, asTIFF)
	files["PNG, few"], files["GIF, few"], files["TIFF, few"] = written(t, few, png.Encode), written(t, few, asGIF), written(t, few, asTIFF)
	files["PNG, deep gray"] = written(t, image.NewGray16(gray.Rect), png.Encode)
	files["PNG, interlaced"] = interlaced(t, 600, 500)
	files["JPEG, of inks"], files["WebP, lossy"] = inks(600, 500), lossy(600, 500)
	files["TIFF, deep"] = written(t, deep, asTIFF)
	files["JPEG, progressive"] = progressive(600, 500, 3)
	const besides = 256 << 10 // buffers and tables that do not grow with the picture
	for name, raw := range files {
		f, err := formatOf(raw)
		if err != nil {
			t.Fatal(err)
		}
		config, err := f.size(t.Context(), raw)
		if err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err = f.pixels(t.Context(), raw)
		runtime.ReadMemStats(&after)
		took, said := int64(after.TotalAlloc-before.TotalAlloc), f.memory(raw, config)
		if f.name == "TIFF" {
			took /= 2 // the race detector has a growing buffer allocated twice
		}
		if err != nil || took > said+besides {
			t.Errorf("%s: took %d KiB, said %d KiB, %v", name, took>>10, said>>10, err)
		}
	}
}

// Scaling down needs the result and a band, however large the picture is.
func TestShrinkNeedsLittle(t *testing.T) {
	m := image.NewPaletted(image.Rect(0, 0, 1500, 1500), color.Palette{red, blue})
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := shrink(t.Context(), m, 100, 100); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("%d KiB", took>>10)
	}
}

// Files that are good and would need too much are refused; the usual ones of that
// size are not.
func TestMemoryOfTheLargest(t *testing.T) {
	const side = 8000
	header := func(raw []byte, from, to string) string { return strings.Replace(string(raw), from, to, 1) }
	plain := progressive(side, side, 0)
	three := header(plain, "\xff\xc2\x00\x0b\x08\x1f\x40\x1f\x40\x01\x01\x11\x00", "\xff\xc2\x00\x11\x08\x1f\x40\x1f\x40\x03\x01\x22\x00\x02\x11\x00\x03\x11\x00")
	for name, c := range map[string]struct {
		raw  string
		fits bool
	}{
		"progressive": {three, true}, "progressive, all colours": {header([]byte(three), "\x01\x22", "\x01\x11"), false},
		"PNG": {string(pngHeader(side, side)), true}, "PNG, interlaced": {header(pngHeader(side, side), "\x08\x06\x00\x00\x00", "\x08\x06\x00\x00\x01"), false},
		"lossy WebP": {string(lossy(side, side)), true}, "lossless WebP": {riff("RIFF", "WEBP"+riff("VP8L", "\x2f\x3f\xdf\xcf\x07")), false},
	} {
		f, err := formatOf([]byte(c.raw))
		if err != nil {
			t.Fatal(err)
		}
		config := image.Config{ColorModel: color.NRGBAModel, Width: side, Height: side}
		if f.name == "JPEG" || name == "lossy WebP" {
			config.ColorModel = color.YCbCrModel
		}
		if got := f.memory([]byte(c.raw), config) + memoryToDraw(config); (got <= maxMemory) != c.fits {
			t.Errorf("%s: %d MiB", name, got>>20)
		}
	}
}

func TestSamples(t *testing.T) {
	for name, c := range map[string]struct {
		header  string
		samples float64
	}{
		"gray": {"\x08\x00\x01\x00\x01\x01\x01\x22\x00", 1}, "4:4:4": {"\x08\x00\x01\x00\x01\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00", 3},
		"4:2:0": {"\x08\x00\x01\x00\x01\x03\x01\x22\x00\x02\x11\x00\x03\x11\x00", 1.5}, "nothing": {"", 1}, "zero": {"\x08\x00\x01\x00\x01\x03\x01\x00\x00\x02\x00\x00", 2},
	} {
		if got := jpegSamples([]byte(c.header)); got != c.samples {
			t.Errorf("%s: %f", name, got)
		}
	}
	odd := behindStart(progressive(800, 800, 0), []byte("garbage"))
	if got := jpegMemory(odd, image.Config{ColorModel: color.GrayModel, Width: 800, Height: 800}); got < 20*800*800 {
		t.Errorf("a header that is not understood: %d", got)
	}
}

func TestRoomIsShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(4, 400)
		took := make(chan int64, 10)
		enter := func(bytes int64) func() {
			leave, err := r.enter(t.Context(), bytes)
			if err != nil {
				t.Errorf("%d bytes: %v", bytes, err)
				return func() {}
			}
			took <- bytes
			return leave
		}
		first, second := enter(1), enter(101)
		if len(r.places) != 3 {
			t.Errorf("%d places are taken, want 1 and 2", len(r.places))
		}
		<-took
		<-took
		go func() { enter(399)() }() // all four
		synctest.Wait()
		go func() { enter(1)() }() // there would be a place, but it has to wait its turn
		synctest.Wait()
		if len(took) != 0 {
			t.Errorf("%d came in", len(took))
		}
		second()
		synctest.Wait()
		if len(took) != 0 {
			t.Errorf("%d came in", len(took))
		}
		first()
		if a, b := <-took, <-took; a != 399 || b != 1 {
			t.Errorf("%d came in before %d", a, b)
		}
		synctest.Wait()
		if len(r.places) != 0 || len(r.door) != 0 {
			t.Errorf("%d places are still taken", len(r.places))
		}
	})
}

func TestRoomIsGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRoom(2, 200)
		if _, err := r.enter(t.Context(), 201); !errors.Is(err, ErrTooLarge) {
			t.Errorf("more than there is: %v", err)
		}
		leave, err := r.enter(t.Context(), 100)
		if err != nil {
			t.Fatal(err)
		}
		gone := errors.New("gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		failed := make(chan error, 2)
		for range 2 { // one with half of what it needs, one at the door
			go func() {
				_, err := r.enter(ctx, 200)
				failed <- err
			}()
		}
		synctest.Wait()
		cancel(gone)
		if a, b := <-failed, <-failed; !errors.Is(a, gone) || !errors.Is(b, gone) {
			t.Errorf("%v, %v", a, b)
		}
		leave()
		synctest.Wait()
		if len(r.places) != 0 || len(r.door) != 0 {
			t.Errorf("%d places are still taken", len(r.places))
		}
	})
}
