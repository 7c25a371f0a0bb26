// threads.js - node: workers, children of every kind, crypto and zlib in the pool, SIGPROF by hand.
// SPDX-License-Identifier: MIT
const { Worker, isMainThread, parentPort, workerData } = require('worker_threads');
const cp = require('child_process'), crypto = require('crypto'), fs = require('fs'), zlib = require('zlib');
const many = (n, f) => Promise.all([...Array(n).keys()].map(i => new Promise((ok, no) => f(i, ok, no))));

function burn(n) { let s = 0; for (let i = 0; i < n; i++) s += String(i).length; return s; }

function worker() {
	const a = [];
	for (let i = 0; i < 2e5; i++) a.push({ i });
	parentPort.postMessage(burn(workerData) + a.length);
}

function child() {
	process.on('message', m => { process.send(m * 2); process.disconnect(); process.exitCode = 7; });
}

async function main() {
	console.log(await many(5, (i, ok, no) => {
		const w = new Worker(__filename, { workerData: 100000 * i });
		let v;
		w.on('message', m => v = m).on('error', no).on('exit', c => ok([v, c]));
	}));
	console.log(await many(15, (i, ok) => cp.exec(`echo ${i}; echo err >&2; exit ${i % 5}`,
		(e, o, s) => ok([o, s, e && e.code]))));
	console.log(await many(3, (i, ok) => {
		const c = cp.fork(__filename, ['child']);
		let v;
		c.on('message', m => v = m).on('exit', (code, sig) => ok([v, code, sig]));
		c.send(i);
	}));
	console.log(cp.spawnSync('sh', ['-c', 'kill -9 $$']).signal,
		cp.spawnSync('sh', ['-c', 'cat; ls /proc/self/fd'], { input: 'x'.repeat(100000) }).stdout.length);
	console.log(await many(10, (i, ok) => crypto.pbkdf2('p', 's' + i, 20000, 32, 'sha512',
		(e, k) => ok(k.toString('hex').slice(0, 8)))));
	console.log(await many(3, (i, ok) => zlib.gzip(Buffer.alloc(1e6 * (i + 1), 'hello'), (e, b) => ok(b.length))));
	for (let i = 0; i < 200; i++) fs.writeFileSync('f' + i, 'x'.repeat(i));
	try { (function r() { r(); })(); } catch (e) { console.log(e.message); }
	let n = 0;
	process.on('SIGPROF', () => n++);
	for (let i = 1; i <= 3; i++) {
		process.kill(process.pid, 'SIGPROF');
		while (n < i) await new Promise(ok => setTimeout(ok, 10));
	}
	burn(2e6);
	console.log('prof', n);
	process.on('SIGUSR2', () => { console.log('usr2'); process.exit(5); });
	process.kill(process.pid, 'SIGUSR2');
	setTimeout(() => {}, 60000);
}

if (!isMainThread) worker();
else if (process.argv[2] === 'child') child();
else main();
