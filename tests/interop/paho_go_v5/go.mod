module penstock/interop

// Debian 12's compiler; newer versions of the client need a newer one.
go 1.19

require (
	github.com/eclipse/paho.golang v0.12.0
	github.com/gorilla/websocket v1.5.0
)

require golang.org/x/sync v0.4.0 // indirect
