package picture

import "encoding/binary"

// exifMark stands before an EXIF block in a JPEG.
const exifMark = "Exif\x00\x00"

// orientation is how an EXIF block says that the picture has to be turned (see
// turn); 1, which is upright, where it says nothing or is damaged.
//
// The block is the beginning of a TIFF file: "II" or "MM" for the order of bytes,
// 42, the offset of the first directory. A directory is a count and entries of
// twelve bytes: tag, type, count, and the value itself where it is so short.
func orientation(block []byte) int {
	const (
		tagOrientation = 0x0112
		typeShort      = 3
	)
	if len(block) < 8 {
		return 1
	}
	var order binary.ByteOrder
	switch string(block[:2]) {
	case "II":
		order = binary.LittleEndian
	case "MM":
		order = binary.BigEndian
	default:
		return 1
	}
	at := uint64(order.Uint32(block[4:]))
	if order.Uint16(block[2:]) != 42 || at+2 > uint64(len(block)) {
		return 1
	}
	entries := block[at+2:]
	for range order.Uint16(block[at:]) {
		if len(entries) < 12 {
			return 1
		}
		if order.Uint16(entries) == tagOrientation && order.Uint16(entries[2:]) == typeShort {
			if value := order.Uint16(entries[8:]); value >= 1 && value <= 8 {
				return int(value)
			}
			return 1
		}
		entries = entries[12:]
	}
	return 1
}
