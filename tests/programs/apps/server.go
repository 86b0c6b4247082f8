package main

import (
	"fmt"
	"net/http"
	"os"
)

func main() {
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		fmt.Fprintf(response, "pid=%d peer=%s\n", os.Getpid(), request.RemoteAddr)
	})
	http.ListenAndServe("127.0.0.1:"+os.Args[1], nil)
}
