# Arguments and files that cannot be used.
# shellcheck shell=bash
# shellcheck disable=SC2154

url=$base/webhooks/paypal
event WH-@EVENT@

while IFS='|' read -r pattern arguments; do
  # shellcheck disable=SC2086 # one word for each argument
  misuse "arguments $arguments" "$pattern" $arguments
done <<LIST
either --url or --dsn is needed|
either --url or --dsn is needed|--payload event.json
either --url or --dsn is needed|--url $url --dsn x --provider p --payload event.json
--payload is missing|--url $url
--dsn and --provider need each other|--url $url --provider paypal --payload event.json
--dsn and --provider need each other|--dsn dbname=x --payload event.json
--n times --events must not exceed 1000|--url $url --payload event.json --n 26 --events 40
--events needs @EVENT@|--url $url --payload cert.pem --events 2
option --bogus|--bogus
option --pass |--pass=$sentinel
option --p |--p x
option --again |--again=yes
option -x |-x
option --url needs a value|--url
unexpected argument|--url $url --payload event.json $sentinel
LIST
for n in 0 -1 1.5 abc 1001 99999999999999999999 ' 5' '5 ' 0x5 1e3 +5 ''; do
  misuse "--n '$n'" '--n must be a whole number between 1 and 1000' \
    --url "$url" --payload event.json "--n=$n"
done
misuse "--events" '--events must be a whole number' --events 0
for seconds in 0 abc 0.05 3601 inf nan 1e2 1.2.3 . ''; do
  misuse "--timeout '$seconds'" '--timeout must be a number between 0.1 and 3600' \
    --url "$url" --payload event.json "--timeout=$seconds"
done
for bad in "ftp://127.0.0.1/$sentinel" file:///etc/passwd "smtp://u:$sentinel@x/" \
  localhost /path 'http://' 'http://a b/' 'http://127.0.0.1:99999/' \
  'http://[::1/' $'http://127.0.0.1/\nx' ''; do
  misuse "URL $bad" '--url is not a valid URL' --url "$bad" --payload event.json
done
for bad in nonsense "password=$sentinel host" 'nosuchkeyword=1' \
  "postgresql://u:$sentinel@h:x:y/d?z" "password='$sentinel"; do
  misuse "connection string $bad" '--dsn is not a valid connection string|could not open' \
    --dsn "$bad" --provider paypal --payload event.json
done

misuse "payload absent" 'could not open payload file "x.json": No such' \
  --url "$url" --payload x.json
mkdir -p folder
misuse "payload a folder" 'payload file "folder": Is a directory' \
  --url "$url" --payload folder
truncate -s 67108865 large.json
misuse "payload too large" 'must have 1 to 67108864 bytes' \
  --url "$url" --payload large.json
rm large.json
file empty.json ''
misuse "payload empty" 'payload file "empty.json" must have 1 to' \
  --url "$url" --payload empty.json
while IFS= read -r content; do
  file bad.json "$content"
  misuse "payload $content" '"bad.json" cannot be read as JSON: line [0-9]+, column [0-9]+$' \
    --url "$url" --payload bad.json
done <<LIST
\\n
$sentinel
{"id":"$sentinel"
{"id":1} $sentinel
{"id":"$sentinel\\nc"}
{"id":"\\xff\\xfe$sentinel"}
\\xef\\xbb\\xbf{"id":1}
{"id":1e999}
{"id":1}\\0
id=$sentinel&x=1
LIST

while IFS='|' read -r pattern content; do
  file h.json "$content"
  misuse "headers $content" "$pattern" --url "$url" --payload event.json \
    --headers h.json
done <<LIST
must have 1 to|
"h.json" cannot be read as JSON: line 1|X: $sentinel
must hold a JSON object|["$sentinel"]
header "X" must be a string or an array of strings|{"X":1}
header "X" must be a string|{"X":{"a":"$sentinel"}}
header "X" must be a string|{"X":[]}
header "X" must be a string|{"X":["$sentinel",1]}
cannot be read as JSON|{"X":"$sentinel","X":"b"}
cannot be read as JSON|{"X":"a\\\\u0000b"}
has an invalid name|{"":"$sentinel"}
has an invalid name|{"X $sentinel":"b"}
has an invalid name|{"X:":"b"}
has an invalid name|{"X\\\\nY: $sentinel":"b"}
has an invalid name|{"\\xc3\\xa9":"b"}
header "X" must be ASCII without control|{"X":"a\\\\nEvil: $sentinel"}
header "X" must be ASCII without control|{"X":["a","b\\\\r$sentinel"]}
header "X" must be ASCII without control|{"X":"\\x7f"}
header "X" must be ASCII without control|{"X":"$sentinel \\xc3\\xa9"}
header "X" must be ASCII without control|{"X":"\\\\u20ac"}
header "content-length" cannot be set|{"content-length":"1"}
header "Transfer-Encoding" cannot be set|{"Transfer-Encoding":"chunked"}
header "Connection" cannot be set|{"Connection":"close"}
header "Expect" cannot be set|{"Expect":"100-continue"}
LIST

check "help names every option" 0 "$(printf -- '--%s \n' url dsn provider \
  payload headers n events again timeout cacert)" out --help
