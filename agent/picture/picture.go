// Package picture makes the pictures that people send fit for vision models, which
// take JPEG and PNG and want neither large files nor many pixels.
//
// What Fit does with a file:
//
//  1. the first bytes say what format it is: JPEG, PNG, GIF (its first frame), WebP,
//     BMP or TIFF;
//  2. the header says how large the picture is, and so what it costs to decode; what
//     is absurd is refused before anything is allocated for it;
//  3. it waits for room: the memory of all decoding under way is bounded;
//  4. it is decoded, always, so that no model is sent (and paid for) a damaged file;
//  5. a JPEG or PNG that is small enough and upright goes as it is, less what
//     belongs to the person and not to the picture: EXIF with the place where it was
//     taken, XMP, comments, thumbnails, and whatever stands behind its end;
//  6. everything else is drawn on white, scaled down, turned upright and written as
//     a JPEG without anything beside the picture.
//
// The files come from strangers. The parsers here are pure and bounded by their
// input; the decoders are those of the standard library and of golang.org/x/image.
package picture

import (
	"context"
	"errors"
	"fmt"
	"image"
	"time"
)

// Picture is a picture as models take it.
type Picture struct {
	Type string // image/jpeg or image/png
	Data []byte
}

// Why there is no picture. None of it changes when it is tried again.
var (
	// ErrFormat says that the file is no picture, or one of a kind that cannot be
	// read, such as HEIC.
	ErrFormat = errors.New("no picture that can be read")
	// ErrTooLarge says that the picture has too many pixels, or would need too much
	// memory or time.
	ErrTooLarge = errors.New("picture is too large")
	// ErrDamaged says that the file is cut off or broken.
	ErrDamaged = errors.New("picture is damaged")
)

// The bounds of what models are sent.
const (
	maxSide = 2048              // pixels of the longer side
	maxData = 3 * (1 << 20) / 2 // bytes; 2 MiB when the request has it in base64
)

// The bounds of what is decoded.
const (
	maxPixels  = 64_000_000
	maxFarSide = 1<<16 - 1 // the most that JPEG can say; more is a line and no picture
	patience   = 30 * time.Second
)

var errSlow = fmt.Errorf("%w: it takes longer than %s", ErrTooLarge, patience)

// Fit makes a picture of a file's content. The error is one of this package's, or
// why ctx ended.
func Fit(ctx context.Context, raw []byte) (Picture, error) {
	f, err := formatOf(raw)
	if err != nil {
		return Picture{}, err
	}
	config, err := f.size(ctx, raw)
	if err != nil {
		return Picture{}, err
	}
	leave, err := decoding.enter(ctx, f.memory(raw, config)+memoryToDraw(config))
	if err != nil {
		return Picture{}, err
	}
	defer leave()
	ctx, cancel := context.WithTimeoutCause(ctx, patience, errSlow)
	defer cancel()

	upright := 1
	if f.exif != nil {
		upright = orientation(f.exif(raw))
	}
	if upright == 1 && max(config.Width, config.Height) <= maxSide && f.strip != nil {
		bare, ok := f.strip(raw)
		if ok && len(bare) <= maxData {
			return f.keep(ctx, bare)
		}
	}
	m, err := f.pixels(ctx, raw)
	if err != nil {
		return Picture{}, err
	}
	return redraw(ctx, m, upright)
}

// keep returns bare as it is, once it is sure that it can be decoded, and that
// models see the same in it as people: some have black where a picture is
// transparent, and few know the colours of printing.
func (f format) keep(ctx context.Context, bare []byte) (Picture, error) {
	m, err := f.pixels(ctx, bare)
	if err != nil {
		return Picture{}, err
	}
	_, printing := m.(*image.CMYK)
	if o, ok := m.(interface{ Opaque() bool }); printing || !ok || !o.Opaque() {
		return redraw(ctx, m, 1)
	}
	return Picture{Type: f.mime, Data: bare}, nil
}

// redraw makes a JPEG of decoded pixels.
func redraw(ctx context.Context, m image.Image, upright int) (Picture, error) {
	w, h := within(m.Bounds().Dx(), m.Bounds().Dy(), maxSide)
	drawn, err := shrink(ctx, m, w, h)
	if err != nil {
		return Picture{}, err
	}
	data, err := encode(ctx, turn(drawn, upright), maxData)
	if err != nil {
		return Picture{}, err
	}
	return Picture{Type: "image/jpeg", Data: data}, nil
}

// memoryToDraw is what redraw needs at most: the scaled picture, and once more to
// turn it or to make it smaller still.
func memoryToDraw(config image.Config) int64 {
	w, h := within(config.Width, config.Height, maxSide)
	return 2 * 4 * int64(w) * int64(h)
}
