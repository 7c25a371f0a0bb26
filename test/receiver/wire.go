// wire.go - the string table as it stands on the wire, which the parser smoothes over.
// SPDX-License-Identifier: MIT
package main

import (
	"encoding/binary"
	"unicode/utf8"
)

const stringTable = 6 // its field number in message Profile

// stringsOf walks the outermost message; false when it is damaged.
func stringsOf(data []byte) (table []string, ok bool) {
	for len(data) > 0 {
		key, n := binary.Uvarint(data)
		if n <= 0 {
			return table, false
		}
		data = data[n:]
		value, n := binary.Uvarint(data)
		if n <= 0 {
			return table, false
		}
		data = data[n:]
		switch key & 7 {
		case 0:
		case 2:
			if value > uint64(len(data)) {
				return table, false
			}
			if key>>3 == stringTable {
				table = append(table, string(data[:value]))
			}
			data = data[value:]
		default:
			return table, false
		}
	}
	return table, true
}

// checkStrings: the first is empty, none comes twice, all are UTF-8.
func checkStrings(name string, data []byte, bad report) {
	table, ok := stringsOf(data)
	if !ok {
		bad("%s: the outermost message is damaged or has a field of another wire type", name)
	}
	if len(table) == 0 || table[0] != "" {
		bad("%s: the string table does not begin with the empty string", name)
		return
	}
	seen := map[string]bool{}
	for i, s := range table {
		if !utf8.ValidString(s) {
			bad("%s: string %d is not UTF-8: %q", name, i, s)
		}
		if seen[s] {
			bad("%s: string %d is there twice: %q", name, i, s)
		}
		seen[s] = true
	}
}
