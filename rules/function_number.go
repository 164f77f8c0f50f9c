package rules

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

const (
	maxNumberText = 250 // a number with more bytes is none; reading it would take long
	maxDialString = 64  // what may be left of it to be dialled
)

// region reads a country as the numbering plans are named: "DE"; "" is none.
// The error says which argument it was.
func region(country string, argument int) (string, error) {
	country = strings.ToUpper(country)
	if country != "" && phonenumbers.GetCountryCodeForRegion(country) == 0 {
		return "", fmt.Errorf("argument %d must be a country such as \"DE\", not %q", argument, country)
	}
	return country, nil
}

// parseNumber reads a number as people write it in a country; nil if the
// numbering plan does not allow it. Without that "110", of the emergency
// services, would become +49110, which someone might have.
func parseNumber(number, country string) (*phonenumbers.PhoneNumber, error) {
	country, err := region(country, 2)
	if err != nil || len(number) > maxNumberText {
		return nil, err
	}
	parsed, err := phonenumbers.Parse(number, country)
	if err != nil || !phonenumbers.IsValidNumber(parsed) {
		return nil, nil
	}
	return parsed, nil
}

// e164 gives a number in international form.
func e164(number, country string) (any, error) {
	parsed, err := parseNumber(number, country)
	if parsed == nil {
		return nil, err
	}
	return phonenumbers.Format(parsed, phonenumbers.E164), nil
}

// phoneNumber gives what somebody typed, or a PBX shows, in the one form in
// which it is compared, looked up and dialled.
func phoneNumber(text, country string) (any, error) {
	if _, err := region(country, 2); err != nil || len(text) > maxNumberText {
		return nil, err
	}
	bare := bareNumber(text)
	dialled, ok := dialString(bare)
	switch {
	case !ok:
		return nil, nil
	case strings.ContainsAny(dialled, "*#"): // the library leaves these out, but *67… is no subscriber's number
		return dialled, nil
	}
	// With its brackets first: the 0 of "+44 (0)20" does not belong to the number.
	// Then without, so that what comes out comes out again of itself.
	for _, form := range []string{bare, dialled} {
		if number, err := e164(form, country); err != nil || number != nil {
			return number, err
		}
	}
	return dialled, nil
}

// bareNumber takes the number out of a tel URI (RFC 3966) or the user part of a
// SIP one (RFC 3261, section 19.1). Text that is no such URI is the number.
func bareNumber(text string) string {
	text = strings.TrimSpace(text)
	scheme, rest, _ := strings.Cut(text, ":")
	switch strings.ToLower(scheme) {
	case "tel":
	case "sip", "sips":
		user, _, found := strings.Cut(rest, "@")
		if !found {
			return "" // a host alone
		}
		user, _, _ = strings.Cut(user, ":") // a password
		var err error
		if rest, err = url.PathUnescape(user); err != nil {
			return user
		}
	default:
		return text
	}
	rest, _, _ = strings.Cut(rest, ";")
	return rest
}

// dialString leaves of a text what can be dialled: digits, * and #, after a +
// that may lead them. It is not ok if nothing is left, too much, or if the text
// holds more than what people put between digits.
func dialString(text string) (dialled string, ok bool) {
	var b strings.Builder
	for _, r := range text {
		switch {
		case r == '*' || r == '#':
			b.WriteRune(r)
		case unicode.IsDigit(r):
			digit := phonenumbers.NormalizeDigitsOnly(string(r))
			if len(digit) > 1 { // of a script that the library does not know
				return "", false
			}
			b.WriteString(digit)
		case r == '+' || r == '\uff0b':
			if b.Len() > 0 {
				return "", false
			}
			b.WriteByte('+')
		case strings.ContainsRune("()[]./\u2212", r), unicode.Is(unicode.Pd, r), unicode.IsSpace(r), unicode.Is(unicode.Cf, r):
			// Pd: all hyphens and dashes; Cf: marks of writing direction, which come
			// along when a number is copied
		default:
			return "", false
		}
	}
	dialled = b.String()
	return dialled, len(dialled) <= maxDialString && strings.TrimPrefix(dialled, "+") != ""
}

var numberTypes = map[phonenumbers.PhoneNumberType]string{
	phonenumbers.FIXED_LINE:           "fixed_line",
	phonenumbers.MOBILE:               "mobile",
	phonenumbers.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
	phonenumbers.TOLL_FREE:            "toll_free",
	phonenumbers.PREMIUM_RATE:         "premium_rate",
	phonenumbers.SHARED_COST:          "shared_cost",
	phonenumbers.VOIP:                 "voip",
	phonenumbers.PERSONAL_NUMBER:      "personal",
	phonenumbers.PAGER:                "pager",
	phonenumbers.UAN:                  "uan",
	phonenumbers.VOICEMAIL:            "voicemail",
	phonenumbers.UNKNOWN:              "unknown",
}

// numberType also tells the type of a number with digits too many: networks
// connect it as if these were not there.
func numberType(number, country string) (string, error) {
	country, err := region(country, 2)
	if err != nil || len(number) > maxNumberText {
		return "unknown", err
	}
	parsed, err := phonenumbers.Parse(number, country)
	if err != nil || !phonenumbers.IsValidNumber(parsed) && !phonenumbers.TruncateTooLongNumber(parsed) {
		return "unknown", nil
	}
	return numberTypes[phonenumbers.GetNumberType(parsed)], nil
}

// emergencyNumber tells the numbers of emergency services that one dials in a
// country.
func emergencyNumber(number, country string) (bool, error) {
	country, err := region(country, 2)
	if err != nil || len(number) > maxDialString {
		return false, err
	}
	return phonenumbers.IsEmergencyNumber(number, country), nil
}

// formatNumber gives a number as people write it.
func formatNumber(number, country string) (string, error) {
	parsed, err := parseNumber(number, country)
	if parsed == nil {
		return number, err
	}
	if int(parsed.GetCountryCode()) == phonenumbers.GetCountryCodeForRegion(strings.ToUpper(country)) {
		return phonenumbers.Format(parsed, phonenumbers.NATIONAL), nil
	}
	return phonenumbers.Format(parsed, phonenumbers.INTERNATIONAL), nil
}

func numberCountry(number string) (any, error) {
	parsed, err := parseNumber(number, "")
	if parsed == nil {
		return nil, err
	}
	if of := phonenumbers.GetRegionCodeForNumber(parsed); of != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
		return of, nil
	}
	return nil, nil
}

func callingCode(country string) (any, error) {
	country, err := region(country, 1)
	if err != nil || country == "" {
		return nil, err
	}
	return "+" + strconv.Itoa(phonenumbers.GetCountryCodeForRegion(country)), nil
}
