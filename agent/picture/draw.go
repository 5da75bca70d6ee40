package picture

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/draw"
	"image/jpeg"
)

// within is w and h in proportion, neither above side; never enlarged, never 0.
func within(w, h, side int) (int, int) {
	long := max(w, h)
	if long <= side {
		return w, h
	}
	return max(1, (w*side+long/2)/long), max(1, (h*side+long/2)/long)
}

// shrink draws src on white and scales it down to w times h pixels, neither more
// than it has. Each pixel is the mean of the area that it stands for.
//
// The kernels of golang.org/x/image/draw look a little sharper, but keep 32 bytes
// for every row of the source and column of the result: half a GiB for a picture of
// 64 megapixels. This needs a band of the source and one row.
func shrink(ctx context.Context, src image.Image, w, h int) (*image.RGBA, error) {
	bounds := src.Bounds()
	width, height := bounds.Dx(), bounds.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	band := image.NewRGBA(image.Rect(0, 0, width, min(height, max(1, (1<<16)/width))))
	line, sum := make([]uint64, 3*w), make([]uint64, 3*w)
	// A source row is h high and a row of the result is height high; both have the
	// same number of units in all, so there are no fractions. Likewise across.
	for y := range height {
		row := y % band.Rect.Dy()
		if row == 0 {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			draw.Draw(band, band.Rect, image.White, image.Point{}, draw.Src)
			draw.Draw(band, band.Rect, src, bounds.Min.Add(image.Pt(0, y)), draw.Over)
		}
		average(line, band.Pix[row*band.Stride:][:4*width], w)
		at, to := y*h, y*h/height
		inside := min(h, (to+1)*height-at)
		add(sum, line, inside)
		if at+h < (to+1)*height {
			continue
		}
		put(dst.Pix[to*dst.Stride:][:4*w], sum, uint64(width)*uint64(height))
		clear(sum)
		add(sum, line, h-inside)
	}
	return dst, nil
}

// average sums the pixels of a row up for each of the w columns of line, with w as
// the weight of a pixel that lies in one column altogether.
func average(line []uint64, row []byte, w int) {
	clear(line)
	width := len(row) / 4
	to, left := 0, width // the column, and how much of it is not covered yet
	for x := range width {
		pixel := row[4*x : 4*x+3]
		inside := min(w, left)
		for c, v := range pixel {
			line[3*to+c] += uint64(v) * uint64(inside)
		}
		if left -= inside; left > 0 {
			continue
		}
		if to, left = to+1, width-(w-inside); to == w {
			return
		}
		for c, v := range pixel {
			line[3*to+c] += uint64(v) * uint64(w-inside)
		}
	}
}

func add(sum, line []uint64, weight int) {
	if weight == 0 {
		return
	}
	for i, v := range line {
		sum[i] += v * uint64(weight)
	}
}

func put(row []byte, sum []uint64, weight uint64) {
	for x := range len(row) / 4 {
		for c := range 3 {
			row[4*x+c] = uint8((sum[3*x+c] + weight/2) / weight)
		}
		row[4*x+3] = 0xff
	}
}

// turns are the orientations of EXIF: 2 to 4 are mirrored left to right, turned by
// half, mirrored top to bottom; 5 to 8 are the same with rows and columns exchanged,
// which makes 6 a quarter to be turned clockwise, and 8 one to be turned back.
var turns = [9]struct{ exchange, across, down bool }{
	2: {across: true}, 3: {across: true, down: true}, 4: {down: true},
	5: {exchange: true}, 6: {exchange: true, down: true}, 7: {exchange: true, across: true, down: true}, 8: {exchange: true, across: true},
}

// turn makes m upright.
func turn(m *image.RGBA, orientation int) *image.RGBA {
	if orientation == 1 {
		return m
	}
	w, h, is := m.Rect.Dx(), m.Rect.Dy(), turns[orientation]
	out := image.NewRGBA(m.Rect)
	if is.exchange {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range out.Rect.Dy() {
		for x := range out.Rect.Dx() {
			fromX, fromY := x, y
			if is.exchange {
				fromX, fromY = y, x
			}
			if is.across {
				fromX = w - 1 - fromX
			}
			if is.down {
				fromY = h - 1 - fromY
			}
			copy(out.Pix[out.PixOffset(x, y):][:4], m.Pix[m.PixOffset(fromX, fromY):][:4])
		}
	}
	return out
}

// encode writes m as a JPEG of at most limit bytes: as good as possible, and where
// no quality is enough, smaller.
func encode(ctx context.Context, m *image.RGBA, limit int) ([]byte, error) {
	for {
		for _, quality := range []int{85, 75, 65, 50} {
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			var out bytes.Buffer
			if err := jpeg.Encode(&out, m, &jpeg.Options{Quality: quality}); err != nil {
				return nil, fmt.Errorf("encode: %w", err)
			}
			if out.Len() <= limit {
				return out.Bytes(), nil
			}
		}
		w, h := within(m.Rect.Dx(), m.Rect.Dy(), max(m.Rect.Dx(), m.Rect.Dy())*3/4)
		var err error
		if m, err = shrink(ctx, m, w, h); err != nil {
			return nil, err
		}
	}
}
