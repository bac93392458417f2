// Command gotd moves files as github.com/gotd/td does it, for the benches: no HTTP, eight threads.
//
// Its argument is JSON: the Telegram to talk to. It prints one line of JSON once it is connected.
// Then it reads one command of JSON a line, and prints one line of JSON for each.
package main

import (
	"bufio"
	"context"
	"crypto/rsa"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-faster/errors"
	"golang.org/x/sync/errgroup"

	"github.com/gotd/td/crypto"
	"github.com/gotd/td/session"
	"github.com/gotd/td/telegram"
	"github.com/gotd/td/telegram/dcs"
	"github.com/gotd/td/telegram/downloader"
	"github.com/gotd/td/telegram/message"
	"github.com/gotd/td/telegram/uploader"
	"github.com/gotd/td/tg"
)

const (
	threads  = 8
	partSize = 512 * 1024
)

// place is the Telegram, and the account to use.
type place struct {
	Host         string `json:"host"`
	Port         int    `json:"port"`
	MediaPort    int    `json:"mediaPort"`
	DC           int    `json:"dcId"`
	PublicKeyPEM string `json:"publicKeyPem"`
	APIID        int    `json:"apiId"`
	APIHash      string `json:"apiHash"`
	Session      string `json:"telethonSession"`
	ChannelID    string `json:"channelId"`
	Connections  int64  `json:"connections"`
}

type command struct {
	Do         string `json:"do"`
	Path       string `json:"path"`
	MessageIDs []int  `json:"messageIds"`
}

type outcome struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintf(os.Stderr, "gotd: %+v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var to place
	if err := json.Unmarshal([]byte(os.Args[1]), &to); err != nil {
		return errors.Wrap(err, "read the argument")
	}
	client, err := newClient(ctx, to)
	if err != nil {
		return err
	}
	return client.Run(ctx, func(ctx context.Context) error {
		pool, err := client.Pool(to.Connections)
		if err != nil {
			return errors.Wrap(err, "open connections")
		}
		defer func() { _ = pool.Close() }()
		channel, err := findChannel(ctx, client.API(), to.ChannelID)
		if err != nil {
			return err
		}
		return serve(ctx, &peer{api: client.API(), files: tg.NewClient(pool), channel: channel})
	})
}

func newClient(ctx context.Context, to place) (*telegram.Client, error) {
	key, err := readKey(to.PublicKeyPEM)
	if err != nil {
		return nil, err
	}
	data, err := session.TelethonSession(to.Session)
	if err != nil {
		return nil, errors.Wrap(err, "read the session")
	}
	storage := &session.StorageMemory{}
	if err := (&session.Loader{Storage: storage}).Save(ctx, data); err != nil {
		return nil, errors.Wrap(err, "keep the session")
	}
	return telegram.NewClient(to.APIID, to.APIHash, telegram.Options{
		DC:             to.DC,
		DCList:         dcs.List{Options: []tg.DCOption{{ID: to.DC, IPAddress: to.Host, Port: to.Port}}},
		Resolver:       dcs.Plain(dcs.PlainOptions{Dial: dialer(to)}),
		PublicKeys:     []telegram.PublicKey{{RSA: key}},
		SessionStorage: storage,
		NoUpdates:      true,
	}), nil
}

// dialer takes the first connection, which is for ordinary calls, to the main address, and those of
// the pool to the media-only one: two on the main address would kill the session's key.
func dialer(to place) dcs.DialFunc {
	var opened atomic.Bool
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		port := to.Port
		if opened.Swap(true) {
			port = to.MediaPort
		}
		return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort(to.Host, strconv.Itoa(port)))
	}
}

func readKey(text string) (*rsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the server's key is not PEM")
	}
	return crypto.ParseRSA(block.Bytes)
}

func findChannel(ctx context.Context, api *tg.Client, id string) (*tg.InputChannel, error) {
	bare, err := strconv.ParseInt(strings.TrimPrefix(id, "-100"), 10, 64)
	if err != nil {
		return nil, errors.Wrap(err, "read the channel's id")
	}
	dialogs, err := api.MessagesGetDialogs(ctx, &tg.MessagesGetDialogsRequest{
		OffsetPeer: &tg.InputPeerEmpty{},
		Limit:      100,
	})
	if err != nil {
		return nil, errors.Wrap(err, "list the dialogs")
	}
	modified, ok := dialogs.AsModified()
	if !ok {
		return nil, errors.New("no dialogs")
	}
	for _, chat := range modified.GetChats() {
		if channel, ok := chat.(*tg.Channel); ok && channel.ID == bare {
			return channel.AsInput(), nil
		}
	}
	return nil, errors.New("no such channel")
}

// serve answers commands until its input ends.
func serve(ctx context.Context, p *peer) error {
	fmt.Printf("{\"version\":%q}\n", libraryVersion())
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var c command
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			return errors.Wrap(err, "read a command")
		}
		done, err := p.obey(ctx, c)
		if err != nil {
			return errors.Wrap(err, c.Do)
		}
		line, err := json.Marshal(done)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
	}
	return lines.Err()
}

func libraryVersion() string {
	info, ok := debug.ReadBuildInfo()
	if ok {
		for _, dependency := range info.Deps {
			if dependency.Path == "github.com/gotd/td" {
				return dependency.Version
			}
		}
	}
	return "unknown"
}

type peer struct {
	api     *tg.Client
	files   *tg.Client
	channel *tg.InputChannel
}

func (p *peer) obey(ctx context.Context, c command) (outcome, error) {
	switch c.Do {
	case "upload":
		return p.upload(ctx, c.Path)
	case "download":
		return p.download(ctx, c.MessageIDs)
	default:
		return outcome{}, errors.Errorf("unknown command %q", c.Do)
	}
}

// upload sends a file and posts it as a document.
func (p *peer) upload(ctx context.Context, path string) (outcome, error) {
	about, err := os.Stat(path)
	if err != nil {
		return outcome{}, err
	}
	started := time.Now()
	u := uploader.NewUploader(p.files).WithThreads(threads).WithPartSize(partSize)
	file, err := u.FromPath(ctx, path)
	if err != nil {
		return outcome{}, err
	}
	document := message.UploadedDocument(file).Filename(filepath.Base(path)).ForceFile(true)
	to := &tg.InputPeerChannel{ChannelID: p.channel.ChannelID, AccessHash: p.channel.AccessHash}
	if _, err := message.NewSender(p.api).To(to).Media(ctx, document); err != nil {
		return outcome{}, err
	}
	return outcome{Bytes: about.Size(), Seconds: time.Since(started).Seconds()}, nil
}

// download reads the documents of all messages at once, and throws the bytes away.
func (p *peer) download(ctx context.Context, ids []int) (outcome, error) {
	documents, err := p.documents(ctx, ids)
	if err != nil {
		return outcome{}, err
	}
	started := time.Now()
	var read discard
	group, ctx := errgroup.WithContext(ctx)
	for _, document := range documents {
		group.Go(func() error {
			_, err := downloader.NewDownloader().
				WithPartSize(partSize).
				Download(p.files, document.AsInputDocumentFileLocation("")).
				WithThreads(threads).
				Parallel(ctx, &read)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return outcome{}, err
	}
	return outcome{Bytes: read.bytes.Load(), Seconds: time.Since(started).Seconds()}, nil
}

func (p *peer) documents(ctx context.Context, ids []int) ([]*tg.Document, error) {
	var wanted []tg.InputMessageClass
	for _, id := range ids {
		wanted = append(wanted, &tg.InputMessageID{ID: id})
	}
	found, err := p.api.ChannelsGetMessages(ctx, &tg.ChannelsGetMessagesRequest{
		Channel: p.channel,
		ID:      wanted,
	})
	if err != nil {
		return nil, err
	}
	modified, ok := found.AsModified()
	if !ok {
		return nil, errors.New("no messages")
	}
	var documents []*tg.Document
	for _, each := range modified.GetMessages() {
		post, ok := each.(*tg.Message)
		if !ok {
			continue
		}
		media, ok := post.Media.(*tg.MessageMediaDocument)
		if !ok {
			continue
		}
		if document, ok := media.Document.AsNotEmpty(); ok {
			documents = append(documents, document)
		}
	}
	if len(documents) != len(ids) {
		return nil, errors.Errorf("%d documents for %d messages", len(documents), len(ids))
	}
	return documents, nil
}

// discard counts what it is given.
type discard struct{ bytes atomic.Int64 }

func (d *discard) WriteAt(b []byte, _ int64) (int, error) {
	d.bytes.Add(int64(len(b)))
	return len(b), nil
}
