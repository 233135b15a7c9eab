# Files that cannot be used.
# shellcheck shell=bash
# shellcheck disable=SC2154

url=$base/webhooks/paypal

# payload NAME PATTERN FILE
bad_payload() {
  misuse "payload: $1" "$2" --url "$url" --payload "$3"
}

bad_headers() {
  misuse "headers: $1" "$2" --url "$url" --payload event.json --headers "$3"
}

bad_payload "absent" 'could not open payload file "absent.json": No such' absent.json
mkdir -p folder
bad_payload "folder" 'payload file "folder": Is a directory' folder
file empty.json ''
bad_payload "empty" 'payload file "empty.json" is empty' empty.json
file blank.json ' \n\t'
bad_payload "blank" 'not valid JSON' blank.json
while IFS='|' read -r name content; do
  file bad.json "$content"
  bad_payload "$name" 'payload file "bad.json" is not valid JSON: line [0-9]+, column [0-9]+$' \
    bad.json
done <<LIST
text|$sentinel
cut object|{"id":"$sentinel"
trailing comma|{"id":1,}
trailing text|{"id":1} $sentinel
two documents|{"id":1}{"id":2}
single quotes|{'id':1}
bare name|{id:1}
comment|{"id":1} // x
line feed in a string|{"id":"a\\\\nb$sentinel\\nc"}
invalid UTF-8|{"id":"\\xff\\xfe$sentinel"}
overlong UTF-8|{"id":"\\xc0\\xaf"}
lone surrogate|{"id":"\\\\ud800"}
byte order mark|\\xef\\xbb\\xbf{"id":1}
NaN|{"id":NaN}
leading zero|{"id":01}
plus sign|{"id":+1}
form body|id=$sentinel&x=1
LIST
printf '{"id":1}\0' >bad.json
bad_payload "NUL byte at the end" 'not valid JSON' bad.json
printf '%.0s[' {1..5000} >bad.json
bad_payload "bottomless nesting" 'not valid JSON' bad.json
file bad.json '{"id":1e999}'
bad_payload "number beyond all" 'has a value that cannot be represented: line 1' bad.json
head -c 67108865 /dev/zero | tr '\0' ' ' >bad.json
bad_payload "64 MiB and a byte" 'larger than 67108864 bytes' bad.json
rm bad.json
if [[ $(id -u) -ne 0 ]]; then
  file secret.json '{}'
  chmod 000 secret.json
  bad_payload "unreadable" 'Permission denied' secret.json
fi

event
bad_headers "absent" 'could not open headers file "absent.json"' absent.json
bad_headers "empty" 'headers file "empty.json" is empty' empty.json
bad_headers "folder" 'Is a directory' folder
while IFS='|' read -r name pattern content; do
  file h.json "$content"
  bad_headers "$name" "$pattern" h.json
done <<LIST
not JSON|headers file "h.json" is not valid JSON: line 1|X: $sentinel
array|must hold a JSON object|["$sentinel"]
string|not valid JSON|"$sentinel"
number as value|header "X" must be a string or an array of strings|{"X":1}
null as value|header "X" must be a string|{"X":null}
true as value|header "X" must be a string|{"X":true}
object as value|header "X" must be a string|{"X":{"a":"$sentinel"}}
empty array as value|header "X" must be a string|{"X":[]}
number in the array|header "X" must be a string|{"X":["$sentinel",1]}
name twice|has a member twice: line 1|{"X":"$sentinel","X":"b"}
empty name|a header has an invalid name|{"":"$sentinel"}
name with a space|a header has an invalid name|{"X $sentinel":"b"}
name with a colon|a header has an invalid name|{"X:":"b"}
name with a line feed|a header has an invalid name|{"X\\\\nY: $sentinel":"b"}
name not ASCII|a header has an invalid name|{"\\xc3\\xa9":"b"}
line feed in a value|header "X" has a control character|{"X":"a\\\\nEvil: $sentinel"}
carriage return in a value|header "X" has a control character|{"X":"a\\\\r$sentinel"}
control character in an array|header "X" has a control character|{"X":["a","b\\\\u0001"]}
DEL in a value|header "X" has a control character|{"X":"\\x7f"}
NUL in a value|has a value that cannot be represented|{"X":"a\\\\u0000b"}
length of its own|header "Content-Length" cannot be set|{"Content-Length":"1"}
length in lower case|header "content-length" cannot be set|{"content-length":"1"}
transfer encoding|header "Transfer-Encoding" cannot be set|{"Transfer-Encoding":"chunked"}
connection|header "Connection" cannot be set|{"Connection":"close"}
expect|header "Expect" cannot be set|{"Expect":"100-continue"}
LIST

# Accepted, though unusual: the receiver is asked.
while IFS='|' read -r name content; do
  file odd.json "$content"
  judged "payload: $name is sent" 1 "400: 2
problem: 2
Verdict: FAIL" --url "$url" --payload odd.json --n 2
done <<LIST
an array|[1,2]
a string|"text"
a number|17
null|null
an empty object|{}
NUL escape in the id|{"id":"a\\\\u0000b"}
LIST
file odd.json '{"id":123456789012345678901234567890}'
judged "payload: an integer of 30 digits is sent" 0 'Verdict: PASS' \
  --url "$url" --payload odd.json
file odd.json '{"id":"x","id":"WH-LAST"}'
judged "payload: a member twice is sent" 0 'Verdict: PASS' \
  --url "$url" --payload odd.json
file odd.json '{"Paypal-Transmission-Id":["T-1","T-2"],"X-Empty":"","X-Tab":"a\\tb"}'
file noid.json '{"event_type":"x"}'
judged "headers: arrays and empty values are sent" 0 'Verdict: PASS' \
  --url "$url" --payload noid.json --headers odd.json
equal "headers: the first of several values makes the key" "done" \
  "$(sql "SELECT wd_lookup('paypal', 'tx_T-1')")"
judged "headers: the DSN mode passes them too" 1 'the event was done before' \
  --dsn "$dsn" --provider paypal --payload noid.json --headers odd.json

# The samples of the repository, and the names of providers they begin with.
for sample in paypal-capture-completed toss-payment-status-changed; do
  samples=$tool/../../examples/payloads
  judged "sample $sample" 0 'Verdict: PASS' --dsn "$dsn" \
    --provider "${sample%%-*}" --payload "$samples/$sample.json" \
    --headers "$samples/$sample.headers.json"
done
