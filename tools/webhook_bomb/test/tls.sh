# https: certificates are checked.
# shellcheck shell=bash
# shellcheck disable=SC2154

openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext 'subjectAltName=IP:127.0.0.1' -keyout key.pem -out cert.pem \
  2>/dev/null
start_receiver secure cert.pem key.pem
secure=https://127.0.0.1:$(<"$work/secure.port")

event
judged "TLS: five at once" 0 "^Target: +https://
Verdict: PASS" --url "$secure/webhooks/paypal" --cacert cert.pem \
  --payload event.json
event
judged "TLS: mix" 0 'Verdict: PASS' --url "$secure/webhooks/paypal" \
  --cacert cert.pem --mix unique.json
misuse "TLS: unknown authority" 'could not open connection 1 of 5' \
  --url "$secure/webhooks/paypal" --payload event.json
misuse "TLS: another name" 'could not open connection 1 of 5' \
  --url "https://localhost:${secure##*:}/" --cacert cert.pem \
  --payload event.json
misuse "TLS: certificates absent" 'could not read the file of --cacert' \
  --url "$secure/" --cacert absent.pem --payload event.json
misuse "TLS: certificates that are none" 'could not open connection 1 of 5' \
  --url "$secure/" --cacert event.json --payload event.json

# The first connection gets its handshake, the others never do: not even the
# first may send the body, since the deliveries would not hit at one moment.
/usr/bin/python3 - narrow cert.pem key.pem >narrow.log 2>&1 <<'PYTHON' &
import os, socket, ssl, sys
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[2], sys.argv[3])
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
with open(sys.argv[1] + ".new", "w") as f:
    f.write(str(listener.getsockname()[1]))
os.rename(sys.argv[1] + ".new", sys.argv[1])
client = context.wrap_socket(listener.accept()[0], server_side=True)
client.settimeout(10)
seen = b""
try:
    while chunk := client.recv(65536):
        seen += chunk
except OSError:
    pass
head, _, body = seen.partition(b"\r\n\r\n")
print("headers" if head.startswith(b"POST ") else "no headers",
      "and the body" if body else "and no body")
PYTHON
narrow=$!
for ((i = 0; i < 100; i++)); do
  [[ -e narrow ]] && break
  sleep 0.1
done
misuse "barrier: a connection that cannot be opened" \
  'could not open connection [0-9]+ of 6, nothing was delivered: timeout' \
  --url "https://127.0.0.1:$(<narrow)/" --cacert cert.pem \
  --payload event.json --n 6 --timeout 2
wait "$narrow"
equal "barrier: no body leaves before all are open" "headers and no body" \
  "$(<narrow.log)"
