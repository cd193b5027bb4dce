// A small bot on unmodified whatsmeow: it answers every text with "eco: " and the text.
//
//	go build -o echo-bot . && ./echo-bot SESSION.db [PHONE]
//
// Without PHONE it prints the text of its QR code, with PHONE it asks for a phone code and prints that.
// Started by `oxy-simulator trust -- ./echo-bot …` it talks to the simulator.
package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"go.mau.fi/whatsmeow"
	"go.mau.fi/whatsmeow/proto/waE2E"
	"go.mau.fi/whatsmeow/store/sqlstore"
	"go.mau.fi/whatsmeow/types"
	"go.mau.fi/whatsmeow/types/events"
	"google.golang.org/protobuf/proto"
	_ "modernc.org/sqlite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	trustSimulator()
	container, err := sqlstore.New(ctx, "sqlite", "file:"+os.Args[1]+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(5000)", nil)
	must(err)
	device, err := container.GetFirstDevice(ctx)
	must(err)
	client := whatsmeow.NewClient(device, nil)
	client.AddEventHandler(func(event any) { handle(ctx, client, event) })
	if device.ID == nil {
		codes, err := client.GetQRChannel(ctx)
		must(err)
		go link(ctx, client, codes)
	}
	must(client.Connect())
	<-ctx.Done()
	client.Disconnect()
}

// trustSimulator replaces the key in which the server's certificates must end, if `oxy-simulator trust` names another.
func trustSimulator() {
	file, found := os.LookupEnv("OXY_NOISE_ROOT_FILE")
	if !found {
		return
	}
	text, err := os.ReadFile(file)
	must(err)
	root, err := hex.DecodeString(strings.TrimSpace(string(text)))
	must(err)
	whatsmeow.WACertPubKey = [32]byte(root)
}

func link(ctx context.Context, client *whatsmeow.Client, codes <-chan whatsmeow.QRChannelItem) {
	asked := false
	for item := range codes {
		switch {
		case item.Event != whatsmeow.QRChannelEventCode:
			fmt.Println(item.Event)
		case len(os.Args) < 3:
			fmt.Println("QR", item.Code)
		case !asked:
			code, err := client.PairPhone(ctx, os.Args[2], true, whatsmeow.PairClientChrome, "Chrome (Linux)")
			must(err)
			fmt.Println("CODE", code)
			asked = true
		}
	}
}

func handle(ctx context.Context, client *whatsmeow.Client, event any) {
	switch event := event.(type) {
	case *events.Connected:
		fmt.Println("connected")
	case *events.LoggedOut:
		fmt.Println("logged out", event.Reason)
	case *events.Message:
		text := event.Message.GetConversation() + event.Message.GetExtendedTextMessage().GetText()
		person := event.Info.Chat.Server == types.HiddenUserServer || event.Info.Chat.Server == types.DefaultUserServer
		if text == "" || event.Info.IsFromMe || !person {
			return
		}
		answer := &waE2E.Message{Conversation: proto.String("eco: " + text)}
		if _, err := client.SendMessage(ctx, event.Info.Chat, answer); err != nil {
			fmt.Println("not sent:", err)
		}
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
