package redact

import "bytes"

// A shape is how the tokens of some service begin, and how many characters
// follow at least. Where a line was cut fewer are enough.
//
// The prefixes and lengths are facts taken from the rules of gitleaks v8.30.1
// (https://github.com/gitleaks/gitleaks, MIT licence) and from what the services
// document. None of its expressions is used.
type shape struct {
	prefix string
	least  int
	of     func(byte) bool
	mixed  bool // has small and capital letters or digits, as no plain word has
}

var shapes = []shape{
	{"A3T", 17, upperByte, true}, {"ABIA", 16, upperByte, false}, {"ACCA", 16, upperByte, true}, {"AGE-SECRET-KEY-1", 20, tokenByte, false},
	{"AIza", 30, tokenByte, false}, {"AKCp", 40, tokenByte, true}, {"AKIA", 16, upperByte, false}, {"APPSECRET_", 20, tokenByte, false},
	{"AQVN", 35, tokenByte, true}, {"ASIA", 16, upperByte, false}, {"ATATT3", 40, base64Byte, false}, {"ATBB", 28, tokenByte, true},
	{"ATCTT3", 40, base64Byte, false},
	{"EAAA", 50, tokenByte, true},
	{"FlyV1 ", 20, base64Byte, true},
	{"GOCSPX-", 20, tokenByte, false}, {"GR1348941", 20, tokenByte, false},
	{"HRKU-", 30, tokenByte, false},
	{"LTAI", 20, alnum, true},
	{"NRAK-", 20, tokenByte, false}, {"NRII-", 20, tokenByte, false},
	{"PMAK-", 40, tokenByte, false},
	{"SG.", 40, dottedByte, true}, {"SK", 32, hexByte, false},
	{"ccpat_", 20, tokenByte, false}, {"CLOJARS_", 40, tokenByte, false},
	{"dapi", 32, hexByte, false}, {"dckr_oat_", 20, tokenByte, false}, {"dckr_pat_", 20, tokenByte, false}, {"doo_v1_", 40, hexByte, false},
	{"dop_v1_", 40, hexByte, false}, {"dor_v1_", 40, hexByte, false}, {"dp.pt.", 30, tokenByte, false}, {"dp.st.", 30, dottedByte, false},
	{"dt0c01.", 40, dottedByte, false}, {"duffel_", 40, tokenByte, true},
	{"eyJ", 17, base64Byte, true},
	{"figd_", 30, tokenByte, false}, {"fm1_", 40, base64Byte, true}, {"fm2_", 40, base64Byte, true}, {"fo1_", 40, tokenByte, true},
	{"ghb_", 30, alnum, false}, {"gho_", 30, alnum, false}, {"ghp_", 30, alnum, false}, {"ghr_", 30, tokenByte, false}, {"ghs_", 30, tokenByte, false},
	{"ghu_", 30, alnum, false}, {"github_pat_", 22, tokenByte, false}, {"glagent-", 20, tokenByte, false}, {"glc_", 32, base64Byte, true},
	{"glcbt-", 16, tokenByte, false}, {"gldt-", 16, tokenByte, false}, {"glffct-", 16, tokenByte, false}, {"glft-", 16, tokenByte, false},
	{"glimt-", 16, tokenByte, false}, {"gloas-", 30, tokenByte, false}, {"glpat-", 16, dottedByte, false}, {"glptt-", 30, tokenByte, false},
	{"glrt-", 16, dottedByte, false}, {"glrtr-", 16, tokenByte, false}, {"glsa_", 32, tokenByte, false}, {"glsoat-", 16, tokenByte, false},
	{"gsk_", 40, alnum, true},
	{"hf_", 30, alnum, true}, {"hvb.", 40, tokenByte, true}, {"hvr.", 20, tokenByte, true}, {"hvs.", 20, tokenByte, true},
	{"key-", 32, hexByte, false},
	{"lin_api_", 30, alnum, false},
	{"nfp_", 30, alnum, true}, {"npm_", 30, alnum, true}, {"ntn_", 40, alnum, true}, {"nvapi-", 40, tokenByte, true},
	{"pat", 78, dottedByte, true}, {"pplx-", 40, alnum, true}, {"pscale_oauth_", 30, dottedByte, false}, {"pscale_pw_", 30, dottedByte, false},
	{"pscale_tkn_", 30, dottedByte, false}, {"pul-", 40, hexByte, false}, {"pypi-", 40, tokenByte, true},
	{"rdme_", 60, alnum, false}, {"rk_live_", 10, alnum, false}, {"rk_prod_", 10, alnum, false}, {"rk_test_", 10, alnum, false},
	{"rubygems_", 40, hexByte, false}, {"r8_", 37, alnum, true},
	{"s.", 24, alnum, true}, {"sbp_", 40, hexByte, false}, {"sgp_", 40, tokenByte, false}, {"sha256~", 40, tokenByte, true},
	{"shippo_live_", 30, hexByte, false}, {"shpat_", 30, hexByte, false}, {"shpca_", 30, hexByte, false}, {"shppa_", 30, hexByte, false},
	{"shpss_", 30, hexByte, false}, {"sk-", 20, tokenByte, true}, {"sk_live_", 10, alnum, false}, {"sk_prod_", 10, alnum, false},
	{"sk_test_", 10, alnum, false}, {"sntrys_", 40, base64Byte, true}, {"sntryu_", 40, hexByte, false}, {"sq0atp-", 20, tokenByte, false},
	{"sq0csp-", 20, tokenByte, false}, {"sqa_", 40, hexByte, false}, {"sqp_", 40, hexByte, false}, {"squ_", 40, hexByte, false},
	{"tfp_", 40, dottedByte, true}, {"tskey-", 12, tokenByte, true},
	{"whsec_", 20, base64Byte, true},
	{"xai-", 40, alnum, true}, {"xapp-", 20, tokenByte, false}, {"xkeysib-", 40, tokenByte, false}, {"xoxa-", 10, tokenByte, false},
	{"xoxb-", 10, tokenByte, false}, {"xoxe-", 10, tokenByte, false}, {"xoxe.", 10, tokenByte, false}, {"xoxo-", 10, tokenByte, false},
	{"xoxp-", 10, tokenByte, false}, {"xoxr-", 10, tokenByte, false}, {"xoxs-", 10, tokenByte, false},
	{"ya29.", 20, tokenByte, false},
	{"1//0", 30, tokenByte, true}, {"4b1d", 38, alnum, true},
}

// shapesBy has the shapes by their first byte.
var shapesBy = func() (by [256][]shape) {
	for _, s := range shapes {
		by[s.prefix[0]] = append(by[s.prefix[0]], s)
	}
	return by
}()

// maxShape is how much of a token is looked at to tell whether it is one.
const maxShape = 128

func tokenByte(c byte) bool  { return alnum(c) || c == '_' || c == '-' }
func dottedByte(c byte) bool { return tokenByte(c) || c == '.' }
func base64Byte(c byte) bool { return dottedByte(c) || c == '+' || c == '/' || c == '=' }
func upperByte(c byte) bool  { return upper(c) || digit(c) }
func hexByte(c byte) bool    { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }

// token returns where the token ends that begins at i, or i.
func (s *scanner) token(i int) int {
	b := s.b[i:]
	for _, shape := range shapesBy[b[0]] {
		if len(b) <= len(shape.prefix) || string(b[:len(shape.prefix)]) != shape.prefix {
			continue
		}
		of := func(c byte) bool { return !shape.of(c) }
		n := until(b[:min(len(b), maxShape)], len(shape.prefix), of)
		if n-len(shape.prefix) < shape.least && !(s.cut && n == len(b) && len(shape.prefix) > 3) ||
			shape.mixed && !mixed(b[len(shape.prefix):n]) {
			continue
		}
		if shape.least == 16 && shape.prefix[0] == 'A' {
			s.awsKey = true
		}
		return i + until(b, n, of)
	}
	return i
}

// mixed reports whether text is of more than one kind of letters and digits.
func mixed(text []byte) bool {
	var small, capital, number int
	for _, c := range text {
		switch {
		case digit(c):
			number = 1
		case upper(c):
			capital = 1
		case alpha(c):
			small = 1
		}
	}
	return small+capital+number > 1
}

// awsSecretKey reports whether text may be the secret that goes with an access
// key: 40 characters of base64.
func awsSecretKey(text []byte) bool {
	if len(text) != 40 {
		return false
	}
	capital := false
	for _, c := range text {
		if !alnum(c) && c != '+' && c != '/' {
			return false
		}
		capital = capital || upper(c)
	}
	return capital && mixed(text)
}

// keyword is at a word after which SQL or expect has a secret in quotes.
func (s *scanner) keyword(i int) int {
	b := s.b[i:]
	v := 0
	switch lower(b[0]) {
	case 'p':
		if hasFold(b, "password") {
			if s.login && len(b) > 9 && b[8] == ' ' && !quote(b[9]) {
				end := until(b, 9, func(c byte) bool { return blank(c) || quote(c) || c == '\\' })
				s.login = false
				s.mask(i+9, i+end)
				return i + end
			}
			v = len("password")
		}
	case 'l':
		s.login = s.login || hasFold(b, "login ")
	case 'i':
		if hasFold(b, "identified") {
			s.by++
		}
	case 'b':
		if end := max(s.credentials(i, "bearer ", 16), s.credentials(i, "basic ", 8)); end > i {
			return end
		}
		if s.by > 0 && hasFold(b, "by") {
			v = len("by")
		}
	case 's':
		if s.program.expects() && hasFold(b, "send") {
			return i + max(1, s.sent(i+len("send"))-i)
		}
		if s.program.expects() && hasFold(b, "set ") {
			return s.set(i + len("set "))
		}
	}
	if v == 0 || v >= len(b) {
		return i
	}
	v = until(b, v, func(c byte) bool { return !blank(c) && c != '(' && c != '\\' })
	if v >= len(b) || alnum(b[v-1]) {
		return i
	}
	start, end := v+1, len(b)
	switch {
	case b[v] == '\'', b[v] == '"' && b[v-1] == '(':
		end = closing(b, v)
	case bytes.HasPrefix(b[v:], []byte("$$")):
		start++
		if n := bytes.Index(b[start:], []byte("$$")); n >= 0 {
			end = start + n
		}
	default:
		return i
	}
	s.mask(i+start, i+end)
	return i + end
}

// set masks the value of a variable of expect whose name is that of a secret.
func (s *scanner) set(i int) int {
	end := until(s.b, i, func(c byte) bool { return !nameByte(c) })
	if end < len(s.b) && s.b[end] == ' ' && strengthOf(s.b[i:end]) > vague {
		start, stop := s.value(end+1, false)
		s.mask(start, stop)
		return stop
	}
	return end
}

// sent masks what expect sends, which is in quotes, or returns i.
func (s *scanner) sent(i int) int {
	i = until(s.b, i, func(c byte) bool { return !blank(c) && c != '-' })
	if i >= len(s.b) || s.b[i] != '"' && s.b[i] != '\\' && s.b[i] != '{' {
		return i
	}
	if s.b[i] == '\\' && i+1 < len(s.b) {
		i++
	}
	if s.b[i] == '{' {
		end := until(s.b, i, func(c byte) bool { return c == '}' })
		s.mask(i+1, end)
		return end
	}
	end := closing(s.b, i)
	stop := end
	for _, enter := range [...]string{`\r`, `\n`} {
		if bytes.HasSuffix(s.b[i+1:end], []byte(enter)) {
			stop -= len(enter)
		}
	}
	s.mask(i+1, stop)
	return end
}

// credentials masks what is left of an authorization, such as "Bearer abc".
func (s *scanner) credentials(i int, scheme string, least int) int {
	b := s.b[i:]
	if !hasFold(b, scheme) {
		return i
	}
	n := until(b, len(scheme), func(c byte) bool { return !base64Byte(c) && c != '~' })
	if value := b[len(scheme):n]; len(value) < least || !mixed(value) {
		return i
	}
	s.mask(i+len(scheme), i+n)
	return i + n
}
