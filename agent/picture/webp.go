package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

// webpEXIF is the EXIF block. A WebP file is a RIFF: "RIFF", a length, "WEBP", then
// chunks of a type, a length and data, filled up to an even length.
func webpEXIF(raw []byte) []byte {
	rest := raw[min(12, len(raw)):]
	for len(rest) >= 8 {
		kind, length := string(rest[:4]), uint64(binary.LittleEndian.Uint32(rest[4:]))
		rest = rest[8:]
		if length > uint64(len(rest)) {
			return nil
		}
		if kind == "EXIF" {
			return bytes.TrimPrefix(rest[:length], []byte(exifMark)) // some put what JPEG has before it
		}
		rest = rest[min(length+length%2, uint64(len(rest))):]
	}
	return nil
}

// webpMemory allows for the lossless encoding, which is transformed from one buffer
// into another and may come with 2600 groups of code trees. Transparency is encoded
// in the same way, so only the simple lossy file is cheap.
func webpMemory(raw []byte, config image.Config) int64 {
	pixels := plainMemory(raw, config)
	if begins(raw, "RIFF????WEBPVP8 ") {
		return pixels
	}
	const groups = 2600 * 50 << 10
	return 3*pixels + groups
}
