# keys.sh - ssh-keygen, ssh-agent, openssl and gpg: what is made by chance must fit together.
# SPDX-License-Identifier: MIT
ssh-keygen -q -t rsa -b 2048 -N '' -f rsa -C c
ssh-keygen -y -f rsa | cmp - rsa.pub
ssh-keygen -q -t ed25519 -N pw -f ed -C c
ssh-keygen -y -P pw -f ed | cmp - ed.pub
[ "$(ssh-keygen -l -f rsa)" = "$(ssh-keygen -l -f rsa.pub)" ]
echo "print $?"
ssh-keygen -y -P wrong -f ed 2>/dev/null
echo "wrong $?"
ssh-keygen -p -P pw -N '' -f ed
seq 1000 >s
ssh-keygen -Y sign -q -f ed -n file s
ssh-keygen -Y check-novalidate -n file -s s.sig <s | sed 's/SHA256.*//'
eval "$(ssh-agent -s)" >/dev/null
ssh-add -q ed rsa
ssh-add -l | sed 's/SHA.* //'
kill "$SSH_AGENT_PID"

openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out key
openssl req -x509 -key key -subj /CN=x -days 2 -out cert
openssl verify -CAfile cert cert
openssl dgst -sha256 -sign key s >sig
openssl pkey -in key -pubout 2>/dev/null >public
openssl dgst -sha256 -verify public -signature sig s
E="-aes-256-cbc -pbkdf2 -pass pass:x -S 0011223344556677"
openssl enc $E -in s -out secret
openssl enc -d $E -in secret | cmp - s
cksum secret
openssl speed -multi 2 -seconds 1 -bytes 1024 sha256 2>&1 | grep -c '^sha256'
openssl nonsense 2>/dev/null
echo "openssl $?"

if command -v gpg >/dev/null; then
	mkdir -m 700 gnupg
	export GNUPGHOME=$PWD/gnupg
	G="gpg --batch --s2k-count 65536 --pinentry-mode loopback --passphrase"
	$G x -c -o s.gpg s 2>/dev/null
	$G x -d s.gpg 2>/dev/null | cmp - s
	$G y -d s.gpg >/dev/null 2>&1
	echo "gpg $?"
	$G '' --quick-gen-key me ed25519 2>/dev/null
	echo "gpg $?"
	gpg --batch -s -o s.signed s
	gpg --verify s.signed 2>&1 | grep -c Good
	gpgconf --kill all
	while pgrep -f "gpg-agent.*$GNUPGHOME" >/dev/null; do sleep 0.05; done
fi
rm -rf -- *
