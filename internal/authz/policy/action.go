package policy

// An action is one entry of Action, folded: * is any run of characters, ? is any one.
type action string

// match compares without case. It goes back to the last star only, and to no place twice: at most the square
// of the name's length, which is a word of ours, plus the length of the pattern, which is not.
func (a action) match(name string) bool {
	at, star, from := 0, -1, 0
	for i := 0; i < len(name); {
		switch {
		case at < len(a) && a[at] == '*':
			star, from = at, i
			at++
		case at < len(a) && (a[at] == '?' || a[at] == lowerByte(name[i])):
			at++
			i++
		case star < 0:
			return false
		default:
			from++
			at, i = star+1, from
		}
	}
	for at < len(a) && a[at] == '*' {
		at++
	}
	return at == len(a)
}

func lowerByte(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
