// Command listeners prints the kernel's count of process connector listeners,
// read from kernel memory. It needs root.
package main

import (
	"fmt"
	"os"

	"github.com/proc-connector/telegraf-proc-connector/test/truecount"
)

func main() {
	n, err := count()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(n)
}

func count() (n int32, err error) {
	r, err := truecount.Open()
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return r.Read()
}
