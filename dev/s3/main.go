// An S3 server that keeps everything in memory, for tests: `s3 ADDRESS`. Buckets are made when they are first used.
package main

import (
	"log"
	"net/http"
	"os"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

func main() {
	server := gofakes3.New(s3mem.New(), gofakes3.WithAutoBucket(true)).Server()
	log.Fatal(http.ListenAndServe(os.Args[1], server))
}
