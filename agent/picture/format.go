package picture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"
	"golang.org/x/image/webp"
)

// format is a kind of file. The decoders are named here, one by one, and not taken
// from image.Decode, whose list any imported package may lengthen.
type format struct {
	name   string
	magic  string // how a file begins; a '?' is any byte
	mime   string // where models take it as it is
	config func(io.Reader) (image.Config, error)
	decode func(io.Reader) (image.Image, error)
	// memory is how many bytes it takes at most to decode raw.
	memory func(raw []byte, config image.Config) int64
	// exif finds the EXIF block, which is empty where there is none; nil where the
	// format has none.
	exif func(raw []byte) []byte
	// strip is raw less what does not belong to the picture; it says false of what it
	// does not understand. Nil where models do not take the format.
	strip func(raw []byte) (bare []byte, ok bool)
}

var formats = []format{
	{
		name: "JPEG", magic: "\xff\xd8\xff", mime: "image/jpeg", config: jpeg.DecodeConfig, decode: jpeg.Decode,
		memory: jpegMemory, exif: jpegEXIF, strip: jpegStrip,
	},
	{
		name: "PNG", magic: pngMagic, mime: "image/png", config: png.DecodeConfig, decode: png.Decode,
		memory: pngMemory, exif: pngEXIF, strip: pngStrip,
	},
	{name: "GIF", magic: "GIF8?a", config: gif.DecodeConfig, decode: gif.Decode, memory: plainMemory},
	{
		name: "WebP", magic: "RIFF????WEBPVP8?", config: webp.DecodeConfig, decode: webp.Decode,
		memory: webpMemory, exif: webpEXIF,
	},
	{name: "BMP", magic: "BM????\x00\x00\x00\x00", config: bmp.DecodeConfig, decode: bmp.Decode, memory: plainMemory},
	{name: "TIFF", magic: "II*\x00", config: tiff.DecodeConfig, decode: tiff.Decode, memory: tiffMemory, exif: whole},
	{name: "TIFF", magic: "MM\x00*", config: tiff.DecodeConfig, decode: tiff.Decode, memory: tiffMemory, exif: whole},
}

// whole is the EXIF block of a TIFF file, which is one itself.
func whole(raw []byte) []byte { return raw }

// formatOf is the format of raw by its first bytes. Names and types that somebody
// else gave the file are not asked.
func formatOf(raw []byte) (format, error) {
	for _, f := range formats {
		if begins(raw, f.magic) {
			return f, nil
		}
	}
	// ISO 14496-12: a box of type ftyp comes first and names the brand.
	if begins(raw, "????ftyp????") {
		switch brand := string(raw[8:12]); brand {
		case "heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1":
			return format{}, fmt.Errorf("%w: HEIC", ErrFormat)
		case "avif", "avis":
			return format{}, fmt.Errorf("%w: AVIF", ErrFormat)
		}
	}
	return format{}, ErrFormat
}

func begins(raw []byte, magic string) bool {
	if len(raw) < len(magic) {
		return false
	}
	for i := range len(magic) {
		if magic[i] != '?' && magic[i] != raw[i] {
			return false
		}
	}
	return true
}

// size reads the header, and refuses what is absurd.
func (f format) size(ctx context.Context, raw []byte) (image.Config, error) {
	config, err := f.config(source{ctx, bytes.NewReader(raw)})
	switch {
	case err != nil:
		return image.Config{}, f.failure(ctx, err)
	case config.Width <= 0 || config.Height <= 0:
		return image.Config{}, fmt.Errorf("%s: %w: it has no pixels", f.name, ErrDamaged)
	case max(config.Width, config.Height) > maxFarSide || int64(config.Width)*int64(config.Height) > maxPixels:
		return image.Config{}, fmt.Errorf("%s: %w: %d x %d pixels", f.name, ErrTooLarge, config.Width, config.Height)
	}
	return config, nil
}

// pixels decodes raw. A panic of a decoder, which no stranger's file should be able
// to cause, costs this picture and not the turn.
func (f format) pixels(ctx context.Context, raw []byte) (m image.Image, err error) {
	defer func() {
		if v := recover(); v != nil {
			m, err = nil, fmt.Errorf("%s: %w: the decoder panics: %v", f.name, ErrDamaged, v)
		}
	}()
	if m, err = f.decode(source{ctx, bytes.NewReader(raw)}); err != nil {
		return nil, f.failure(ctx, err)
	}
	if m.Bounds().Empty() {
		return nil, fmt.Errorf("%s: %w: it has no pixels", f.name, ErrDamaged)
	}
	return m, nil
}

// failure is what a decoder's error means.
func (f format) failure(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return fmt.Errorf("%s: %w", f.name, cause)
	}
	kind := ErrDamaged
	if unsupported(err) {
		kind = ErrFormat
	}
	return fmt.Errorf("%s: %w: %w", f.name, kind, err)
}

// unsupported reports whether a decoder says that the file may be good, but it knows
// no way to read it.
func unsupported(err error) bool {
	var (
		inJPEG jpeg.UnsupportedError
		inPNG  png.UnsupportedError
		inTIFF tiff.UnsupportedError
	)
	return errors.As(err, &inJPEG) || errors.As(err, &inPNG) || errors.As(err, &inTIFF) || errors.Is(err, bmp.ErrUnsupported)
}

// source is a file that cannot be read any more when its context has ended. The
// decoders know no context, and some files take them hours: a progressive JPEG of a
// few megabytes can go over all its pixels a hundred thousand times.
type source struct {
	ctx context.Context
	r   *bytes.Reader
}

func (s source) Read(p []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.Read(p)
}

// ReadAt is for TIFF, which would make itself a copy of the file otherwise.
func (s source) ReadAt(p []byte, off int64) (int, error) {
	if s.ctx.Err() != nil {
		return 0, context.Cause(s.ctx)
	}
	return s.r.ReadAt(p, off)
}
