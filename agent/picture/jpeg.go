package picture

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"iter"
)

// The markers of JPEG (ITU T.81, table B.1). 0xff comes before each.
const (
	markSOF0  = 0xc0 // frame header: baseline
	markSOF1  = 0xc1 // extended sequential
	markSOF2  = 0xc2 // progressive
	markSOF15 = 0xcf // the last of a group that also has the Huffman tables
	markRST0  = 0xd0 // restart, inside a scan
	markRST7  = 0xd7
	markSOI   = 0xd8
	markEOI   = 0xd9
	markSOS   = 0xda // a scan; its entropy-coded data follow the segment
	markDQT   = 0xdb
	markDNL   = 0xdc
	markDRI   = 0xdd
	markAPP0  = 0xe0 // JFIF
	markAPP1  = 0xe1 // EXIF, XMP
	markAPP2  = 0xe2 // colour profile; further pictures (MPF)
	markAPP14 = 0xee // Adobe: what the colours mean
)

// jpegSegments are the segments behind SOI with their markers, that of a scan with
// its data. The last one is that of EOI; where it is missing, the file breaks off or
// is not as the standard has it.
func jpegSegments(raw []byte) iter.Seq2[byte, []byte] {
	return func(yield func(byte, []byte) bool) {
		rest := raw[min(2, len(raw)):]
		for len(rest) >= 2 && rest[0] == 0xff {
			mark, end := rest[1], 2
			switch {
			case mark == 0xff: // a fill byte
				rest = rest[1:]
				continue
			case mark < markSOF0, mark >= markRST0 && mark <= markSOI:
				return
			case mark == markEOI:
				yield(mark, rest[:end])
				return
			case len(rest) < 4:
				return
			}
			length := int(binary.BigEndian.Uint16(rest[2:]))
			if end += length; length < 2 || end > len(rest) {
				return
			}
			if mark == markSOS {
				end += scanLength(rest[end:])
			}
			if !yield(mark, rest[:end]) {
				return
			}
			rest = rest[end:]
		}
	}
}

// scanLength is how much of data is entropy-coded: up to a marker that is no restart.
func scanLength(data []byte) int {
	for at := 0; ; {
		i := bytes.IndexByte(data[at:], 0xff)
		if i < 0 || at+i+1 >= len(data) {
			return len(data)
		}
		at += i
		if next := data[at+1]; next != 0 && (next < markRST0 || next > markRST7) {
			return at
		}
		at += 2
	}
}

// jpegEXIF is the EXIF block.
func jpegEXIF(raw []byte) []byte {
	for mark, segment := range jpegSegments(raw) {
		if mark == markSOS {
			break
		}
		if mark != markAPP1 {
			continue
		}
		if block, ok := bytes.CutPrefix(segment[4:], []byte(exifMark)); ok {
			return block
		}
	}
	return nil
}

// jpegStrip keeps the segments that a picture is made of.
func jpegStrip(raw []byte) (bare []byte, ok bool) {
	bare = make([]byte, 0, len(raw))
	bare = append(bare, raw[:2]...)
	for mark, segment := range jpegSegments(raw) {
		if jpegKeeps(mark, segment) {
			bare = append(bare, segment...)
		}
		ok = mark == markEOI
	}
	return bare, ok
}

// jpegKeeps reports whether a segment belongs to the picture. Of the many uses of
// the APP segments these are known to say how its colours look and nothing more; a
// JFIF segment that is longer than 18 bytes holds a thumbnail.
func jpegKeeps(mark byte, segment []byte) bool {
	switch mark {
	case markEOI, markSOS, markDQT, markDNL, markDRI:
		return true
	case markAPP0:
		return len(segment) == 18 && bytes.HasPrefix(segment[4:], []byte("JFIF\x00"))
	case markAPP2:
		return bytes.HasPrefix(segment[4:], []byte("ICC_PROFILE\x00"))
	case markAPP14:
		return bytes.HasPrefix(segment[4:], []byte("Adobe"))
	}
	return mark <= markSOF15
}

// jpegMemory counts the samples, what they become where that is not YCbCr, and for a
// progressive picture all coefficients, which have four bytes each.
func jpegMemory(raw []byte, config image.Config) int64 {
	samples, progressive := 4.0, true // the worst, for a header that is not understood
	for mark, segment := range jpegSegments(raw) {
		if mark >= markSOF0 && mark <= markSOF2 {
			samples, progressive = jpegSamples(segment[4:]), mark == markSOF2
		}
		if mark == markSOS || mark <= markSOF2 {
			break
		}
	}
	pixel := samples // bytes of one
	if config.ColorModel != color.YCbCrModel && config.ColorModel != color.GrayModel {
		pixel += 4
	}
	if progressive {
		pixel += 4 * samples
	}
	area := int64(config.Width+32) * int64(config.Height+32) // the decoder fills up its last blocks
	return int64(pixel * float64(area))
}

// jpegSamples is how many samples there are for one pixel, by a frame header: 3 for
// three planes, 1.5 where the colours have half the width and half the height.
func jpegSamples(header []byte) float64 {
	const first, each = 6, 3 // the fixed part, and then an identifier, the factors and a table for each plane
	var planes, widest, highest, sum int
	for at := first; at+each <= len(header); at += each {
		h, v := int(header[at+1]>>4), int(header[at+1]&15)
		planes, widest, highest, sum = planes+1, max(widest, h), max(highest, v), sum+h*v
	}
	if planes <= 1 || widest == 0 || highest == 0 {
		return float64(max(planes, 1)) // of a single plane the factors mean nothing
	}
	return float64(sum) / float64(widest*highest)
}
