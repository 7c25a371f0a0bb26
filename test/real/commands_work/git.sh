# git.sh - a life with git: commits, gc, clone, bisect run, rebase, push.
# SPDX-License-Identifier: MIT
export GIT_AUTHOR_DATE='2020-01-01T00:00:00Z' GIT_COMMITTER_DATE='2020-01-01T00:00:00Z'
export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
git init -q -b main r
cd r
git config pack.threads 2
git config gc.auto 0
for i in $(seq 24); do
	for k in 1 2 3 4 5; do seq $((i * k)) $((i * k + 300)) >f$k; done
	echo $((i > 13)) >bad
	git add .
	git commit -qm "c$i"
done
git log --oneline | cksum
git gc -q --aggressive
git count-objects -v | grep -v size
git fsck --full
cd ..
git clone -q "file://$PWD/r" c
git clone -q --bare r b.git
cd c
git bisect start -q HEAD HEAD~23 >/dev/null
git bisect run sh -c 'test $(cat bad) = 0' | grep 'first bad'
git bisect reset -q
git checkout -q -b x HEAD~5
seq 3 >new
git add new
git commit -qm n
git rebase -q main
git merge main
git grep -c 12
git blame f1 | cksum
git diff HEAD~3 --stat
git archive HEAD | cksum
git format-patch -q -3
cat ./*.patch | cksum
git push -q ../b.git x
git -C ../b.git log -1 --format='%H %s' x
git rev-list --objects --all | cksum
git repack -adq --threads=2
git nonsense
echo "$?"
cd ..
rm -rf b.git c/.git/index r/.git/index c/.git/logs r/.git/logs
