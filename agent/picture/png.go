package picture

import (
	"encoding/binary"
	"iter"
)

const pngMagic = "\x89PNG\r\n\x1a\n"

// pngChunks are the chunks with their types, each as a whole. The last one is IEND;
// where it is missing, the file breaks off.
func pngChunks(raw []byte) iter.Seq2[string, []byte] {
	return func(yield func(string, []byte) bool) {
		const around = 4 + 4 + 4 // length, type and checksum
		rest := raw[min(len(pngMagic), len(raw)):]
		for len(rest) >= around {
			length := uint64(binary.BigEndian.Uint32(rest))
			if length+around > uint64(len(rest)) {
				return
			}
			kind, chunk := string(rest[4:8]), rest[:length+around]
			if !yield(kind, chunk) || kind == "IEND" {
				return
			}
			rest = rest[len(chunk):]
		}
	}
}

// pngEXIF is the EXIF block.
func pngEXIF(raw []byte) []byte {
	for kind, chunk := range pngChunks(raw) {
		if kind == "eXIf" {
			return chunk[8 : len(chunk)-4]
		}
	}
	return nil
}

// pngStrip keeps the chunks that a picture is made of.
func pngStrip(raw []byte) (bare []byte, ok bool) {
	bare = make([]byte, 0, len(raw))
	bare = append(bare, pngMagic...)
	for kind, chunk := range pngChunks(raw) {
		if pngKeeps(kind) {
			bare = append(bare, chunk...)
		}
		ok = kind == "IEND"
	}
	return bare, ok
}

// pngKeeps reports whether a chunk belongs to the picture: its pixels, and how its
// colours look. Everything else is text, time, EXIF, or the frames of an animation.
func pngKeeps(kind string) bool {
	switch kind {
	case "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "cICP", "sBIT", "pHYs", "bKGD":
		return true
	}
	return false
}
