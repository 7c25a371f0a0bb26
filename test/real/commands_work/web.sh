# web.sh - curl, one by one and in parallel, from python's server.
# SPDX-License-Identifier: MIT
mkdir d
for i in $(seq 50); do seq $((i * 300)) >d/f$i; done
/usr/bin/python3 -c '
import http.server, os
class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
os.chdir("d")
with open("../coming", "w") as f: f.write(str(server.server_port))
os.rename("../coming", "../port")
server.serve_forever()' &
server=$!
while [ ! -f port ]; do sleep 0.05; done
url=http://127.0.0.1:$(cat port)
curl -sS "$url/f[1-50]" | cksum
curl -sS --no-progress-meter --parallel --parallel-max 8 -o 'o#1' "$url/f[1-50]"
cat o* | cksum
curl -sS -f "$url/none"
echo "$?"
curl -sSI "$url/f1" | grep -i length
curl -sS -T d/f1 "$url/x" | cksum
curl -s http://127.0.0.1:1/
echo "refused $?"
rm port
kill $server
wait $server
echo "server $?"
