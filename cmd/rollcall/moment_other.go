//go:build !linux

package main

import "errors"

func now() (moment, error) {
	return moment{}, errors.New("this system does not tell for how long it has been up")
}
