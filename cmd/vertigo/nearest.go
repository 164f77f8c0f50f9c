package main

import "strings"

// didYouMean gives the hint for an unknown name: the known name that was
// probably meant, else all of them if they are few.
func didYouMean(name string, known []string) string {
	const few = 8
	best, distance := "", max(len(name)/3, 1)+1
	for _, k := range known {
		if d := editDistance(strings.ToLower(name), k); d < distance {
			best, distance = k, d
		}
	}
	switch {
	case best != "":
		return "did you mean " + best + "?"
	case len(known) <= few:
		return "known: " + strings.Join(known, ", ")
	}
	return ""
}

// editDistance counts the letters to insert, delete or change to make a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
