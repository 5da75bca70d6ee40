package picture

import (
	"context"
	"fmt"
	"image"
	"image/color"
	"runtime"
)

// maxMemory bounds what the decoding of all pictures under way takes, in bytes. It
// is enough for one picture of maxPixels in any of the usual encodings; the unusual
// ones that need more (a progressive JPEG of 64 megapixels without subsampling) are
// refused.
const maxMemory = 512 << 20

// decoding is the room in which pictures are decoded. There is one for the program,
// because the program has one memory.
var decoding = newRoom(runtime.GOMAXPROCS(0), maxMemory)

// room is memory in equal places, so many as can be decoded side by side. A picture
// takes as many places as it needs, and at least one: that bounds the memory and the
// processors at once. It is first come, first served, so that small pictures do not
// keep a large one waiting for ever.
type room struct {
	place  int64         // bytes
	places chan struct{} // one element for every place taken
	door   chan struct{} // held by the one who is taking places
}

func newRoom(places int, bytes int64) *room {
	return &room{place: bytes / int64(places), places: make(chan struct{}, places), door: make(chan struct{}, 1)}
}

// enter waits until there are so many bytes. What can never be had is ErrTooLarge.
func (r *room) enter(ctx context.Context, bytes int64) (leave func(), err error) {
	need := max(1, (bytes+r.place-1)/r.place)
	if need > int64(cap(r.places)) {
		return nil, fmt.Errorf("%w: it takes %d MiB to decode", ErrTooLarge, bytes>>20)
	}
	taken := int64(0)
	leave = func() {
		for range taken {
			<-r.places
		}
	}
	select {
	case r.door <- struct{}{}:
		defer func() { <-r.door }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	for ; taken < need; taken++ {
		select {
		case r.places <- struct{}{}:
		case <-ctx.Done():
			leave()
			return nil, context.Cause(ctx)
		}
	}
	return leave, nil
}

// plainMemory is that of a decoder that allocates the pixels and little else.
func plainMemory(_ []byte, config image.Config) int64 {
	return int64(config.Width) * int64(config.Height) * pixelBytes(config.ColorModel)
}

// pngMemory allows for the passes of an interlaced picture, which are decoded one by
// one and put together: as much again. How it is interlaced is said at the end of the
// header, which always comes first.
func pngMemory(raw []byte, config image.Config) int64 {
	const interlace = len(pngMagic) + 8 + 12
	pixels := plainMemory(raw, config)
	if len(raw) > interlace && raw[interlace] != 0 {
		return 2 * pixels
	}
	return pixels
}

// tiffMemory allows for a strip as large as the picture: the decoder takes up to
// eight bytes a pixel out of it, whatever its pixels are, into a buffer that doubles
// again and again and leaves the smaller ones behind.
func tiffMemory(raw []byte, config image.Config) int64 {
	return plainMemory(raw, config) + 4*8*int64(config.Width)*int64(config.Height)
}

// pixelBytes is how large a decoded pixel of a colour model is.
func pixelBytes(m color.Model) int64 {
	switch m {
	case color.GrayModel:
		return 1
	case color.Gray16Model:
		return 2
	case color.RGBA64Model, color.NRGBA64Model:
		return 8
	}
	if _, ok := m.(color.Palette); ok {
		return 1
	}
	return 4
}
