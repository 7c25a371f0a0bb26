# sql.sh - sqlite3 in a file: a big join, an index, a backup; the file is the same to the byte.
# SPDX-License-Identifier: MIT
sqlite3 a.db <<'X'
pragma journal_mode=wal;
create table t(a integer primary key, b text, c int);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 120000)
insert into t select i, hex(i * 7919), i % 1000 from n;
create index x on t(b);
create index y on t(c, b);
select count(*), sum(a.c) from t a join t b on a.c = b.a where b.b like '%1%';
begin; delete from t where a % 3 = 0; rollback;
analyze; vacuum; pragma integrity_check;
explain query plan select * from t where b = '1';
select nonsense;
X
echo "$?"
sqlite3 a.db .dump | cksum
sqlite3 a.db '.backup c.db'
sqlite3 c.db 'select max(b), count(distinct c) from t'
sqlite3 a.db 'select nonsense'
echo "$?"
