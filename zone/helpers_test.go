package zone_test

import (
	"slices"
	"strings"
)

func sorted(s []string) string {
	slices.Sort(s)
	return strings.Join(s, " ")
}
