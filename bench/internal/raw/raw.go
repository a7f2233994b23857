// Package raw keeps what was measured, for whoever wants to calculate with it.
package raw

import (
	"encoding/json"
	"os"
)

// Write writes results into a file, as JSON; "" is no file, and they are not kept.
func Write(file string, results any) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(results, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}
