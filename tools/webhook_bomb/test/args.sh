# The command line: nearly all of it wrong.
# shellcheck shell=bash
# shellcheck disable=SC2154

event
url=$base/webhooks/paypal

misuse "no arguments" 'a target is missing'
misuse "no target" 'a target is missing' --payload event.json
misuse "payload missing" '--payload is missing' --url "$url"
misuse "two targets" '--dsn cannot be used with --url' \
  --url "$url" --dsn "$dsn" --provider paypal --payload event.json
misuse "provider with URL" '--provider cannot be used with --url' \
  --url "$url" --provider paypal --payload event.json
misuse "DSN without provider" '--dsn needs --provider' \
  --dsn "$dsn" --payload event.json
misuse "certificates with DSN" '--cacert cannot be used with --dsn' \
  --dsn "$dsn" --provider paypal --payload event.json --cacert x
misuse "payload with mix" '--payload cannot be used with --mix' \
  --url "$url" --payload event.json --mix m.json
misuse "n with mix" '--n cannot be used with --mix' \
  --url "$url" --n 3 --mix m.json
misuse "provider with mix" '--provider cannot be used with --mix' \
  --dsn "$dsn" --provider paypal --mix m.json
misuse "mix without target" 'a target is missing' --mix m.json

misuse "unrecognized option" 'unrecognized option "--bogus"' --bogus
misuse "abbreviated option" 'unrecognized option "--pay"' --pay event.json
misuse "option in upper case" 'unrecognized option "--URL"' --URL "$url"
misuse "value of an unrecognized option is not shown" 'unrecognized option "--pass"' \
  "--pass=$sentinel"
misuse "one dash" 'unexpected argument' -n 5
misuse "argument left over" 'unexpected argument' --url "$url" \
  --payload event.json "$sentinel"
misuse "empty argument" 'unexpected argument' ''
misuse "two dashes alone" 'unrecognized option "--"' --
misuse "option without value" '--url needs a value' --url
misuse "last option without value" '--payload needs a value' \
  --url "$url" --payload
misuse "empty value" '--url needs a value that is not empty' --url ''
misuse "empty value after equals" '--dsn needs a value that is not empty' --dsn=
misuse "option twice" '--n is given twice' --n 3 --n 4
misuse "flag twice" '--json is given twice' --json --json
misuse "flag with a value" '--json takes no value' --json=yes
misuse "option with a line feed" 'unrecognized option "--a\?b"' $'--a\nb'

for n in 0 -1 1.5 abc 10001 99999999999999999999 ' 5' '5 ' 0x5 1e3 +5; do
  misuse "--n '$n'" '--n must be a whole number between 1 and 10000' \
    --url "$url" --payload event.json --n "$n"
done
for seconds in 0 -1 abc 0.05 3601 inf nan 1e2 0x10 ' 1' 1.2.3 . 1s; do
  misuse "--timeout '$seconds'" \
    '--timeout must be a number of seconds between 0.1 and 3600' \
    --url "$url" --payload event.json --timeout "$seconds"
done

for bad in "ftp://127.0.0.1/$sentinel" file:///etc/passwd gopher://x/ \
  ws://127.0.0.1/ javascript:alert dict://x:1/ "smtp://u:$sentinel@x/"; do
  misuse "scheme of $bad" 'must begin with http|is not a valid URL' \
    --url "$bad" --payload event.json
done
for bad in localhost /webhooks/paypal 'http://' 'http://a b/' \
  'http://127.0.0.1:99999/' 'http://127.0.0.1:port/' 'http://[::1/' \
  $'http://127.0.0.1/\nx'; do
  misuse "URL $bad" '--url (is not a valid URL|must begin with http|names no host)' \
    --url "$bad" --payload event.json
done
for bad in nonsense "password=$sentinel host" 'host=x nosuchkeyword=1' \
  "postgresql://u:$sentinel@h:x:y/d?z" "password='$sentinel"; do
  misuse "connection string" 'not a valid connection string|could not open connection' \
    --dsn "$bad" --provider paypal --payload event.json
done

run --help
equal "help: exit code" 0 "$rc"
equal "help: names every option" 11 \
  "$(grep -Ec '^  --(url|dsn|provider|payload|headers|n|mix|timeout|cacert|json) |^Exit code' out)"
