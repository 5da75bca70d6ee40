package records

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// builtIn are the rules that a configuration switches on by name. Digits are ASCII
// digits. A number that is a part of a longer one is not taken for one, and where a
// check digit exists it has to be right, so that order numbers and timestamps stay
// readable.
var builtIn = map[string]func(string) [][]int{
	"phone":     alone(phone, func(string) bool { return true }),
	"email":     emails,
	"id_card":   alone(idCard, validIDCard),
	"bank_card": bankCards,
	"ipv4":      alone(ipv4, validIPv4),
	"key":       keys,
}

// BuiltIn lists the names of the rules that need no pattern.
func BuiltIn() []string { return slices.Sorted(maps.Keys(builtIn)) }

// The shapes. Those given to alone match a bounded number of bytes.
var (
	// A Chinese mobile number, with or without +86, in one or in groups of 3-4-4.
	phone = regexp.MustCompile(`(?:(?:\+|00)?86[ -]?)?1[3-9][0-9][ -]?[0-9]{4}[ -]?[0-9]{4}`)
	email = regexp.MustCompile(`[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+`)
	// A Chinese resident's number (GB 11643): place, date of birth, sequence, check.
	idCard = regexp.MustCompile(`[1-9][0-9]{5}[ -]?(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[ -]?[0-9]{3}[0-9Xx]`)
	ipv4   = regexp.MustCompile(`[0-9]{1,3}(?:\.[0-9]{1,3}){3}`)
	// What services hand out as keys (OpenAI and its like, AWS, Aliyun), JSON web
	// tokens, and whatever is called a bearer token.
	key = regexp.MustCompile(`(?:^|[^A-Za-z0-9])(` +
		`sk-[A-Za-z0-9_-]{16,}|(?:AKIA|ASIA)[A-Z0-9]{16,}|LTAI[A-Za-z0-9]{12,}|` +
		`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*|` +
		`(?i:bearer)[ \t]+[A-Za-z0-9._~+/=-]{8,})`)
)

// alone finds what a shape matches, what is valid, and what has no digit on either
// side. After a match that is none it looks again from the next byte on, so the shape
// must be bounded for the work to be so.
func alone(shape *regexp.Regexp, valid func(string) bool) func(string) [][]int {
	return func(text string) (found [][]int) {
		for at := 0; at < len(text); {
			match := shape.FindStringIndex(text[at:])
			if match == nil {
				break
			}
			start, end := at+match[0], at+match[1]
			if digitAt(text, start-1) || digitAt(text, end) || !valid(text[start:end]) {
				at = start + 1
				continue
			}
			found = append(found, []int{start, end})
			at = end
		}
		return found
	}
}

func digitAt(text string, i int) bool {
	return i >= 0 && i < len(text) && isDigit(text[i])
}

func isDigit(b byte) bool { return '0' <= b && b <= '9' }

// digitsOf is text without everything that is no digit.
func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// emails finds addresses. Most texts have none, and the search for one is the slowest.
func emails(text string) [][]int {
	if !strings.Contains(text, "@") {
		return nil
	}
	return email.FindAllStringIndex(text, -1)
}

// keys finds keys and tokens.
func keys(text string) (found [][]int) {
	for _, match := range key.FindAllStringSubmatchIndex(text, -1) {
		found = append(found, match[2:4])
	}
	return found
}

// validIDCard checks the last character, which is ISO 7064 MOD 11-2 over the others.
func validIDCard(text string) bool {
	weights := [17]int{7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2}
	digits := digitsOf(text[:len(text)-1])
	sum := 0
	for i, weight := range weights {
		sum += weight * int(digits[i]-'0')
	}
	last := strings.ToUpper(text[len(text)-1:])
	return last == "10X98765432"[sum%11:sum%11+1]
}

func validIPv4(text string) bool {
	for part := range strings.SplitSeq(text, ".") {
		if n, err := strconv.Atoi(part); err != nil || n > 255 {
			return false
		}
	}
	return true
}

// A bank card's number has this many digits, in one or in groups of at least four, of
// which the last may be shorter.
const (
	minCard      = 15
	maxCard      = 19
	minCardGroup = 4
)

// bankCards finds numbers of that shape whose check digit (Luhn) is right.
func bankCards(text string) (found [][]int) {
	for at := 0; at < len(text); {
		if !isDigit(text[at]) {
			at++
			continue
		}
		if end := cardAt(text, at); end > 0 {
			found = append(found, []int{at, end})
			at = end
			continue
		}
		at = groupEnd(text, at)
	}
	return found
}

// cardAt is where the card number ends that begins with the group of digits at start;
// 0 when there is none. It prefers the longest.
func cardAt(text string, start int) (end int) {
	if !strings.ContainsRune("2345679", rune(text[start])) {
		return 0 // no issuer's
	}
	count := 0
	for at := start; digitAt(text, at); at++ { // at a group, then past its separator
		stop := groupEnd(text, at)
		if count += stop - at; count > maxCard {
			break
		}
		if count >= minCard && luhn(digitsOf(text[start:stop])) {
			end = stop
		}
		if stop-at < minCardGroup || stop >= len(text) || text[stop] != ' ' && text[stop] != '-' {
			break
		}
		at = stop
	}
	return end
}

// groupEnd is the end of the digits that begin at start.
func groupEnd(text string, start int) int {
	for start < len(text) && isDigit(text[start]) {
		start++
	}
	return start
}

// luhn reports whether the last digit is the check digit of the others.
func luhn(digits string) bool {
	sum := 0
	for i := range len(digits) {
		n := int(digits[len(digits)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}
