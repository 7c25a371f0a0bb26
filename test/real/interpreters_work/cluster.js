// cluster.js - node's cluster: three workers share a port, are asked, and end in three ways.
// SPDX-License-Identifier: MIT
const cluster = require('cluster'), http = require('http');

function primary() {
	const workers = [cluster.fork(), cluster.fork(), cluster.fork()], ends = [];
	let up = 0, left = 200, done = 0, sum = 0;
	const end = () => { workers[0].send('quit'); workers[1].kill(); workers[2].process.kill('SIGKILL'); };
	const ask = port => {
		if (left-- <= 0) return;
		http.get({ port, agent: false }, r => {
			r.on('data', d => sum += d.length).on('end', () => {
				if (++done === 200) { console.log('sum', sum); end(); } else ask(port);
			});
		});
	};
	cluster.on('listening', (w, a) => { if (++up === 3) for (let i = 0; i < 8; i++) ask(a.port); });
	cluster.on('exit', (w, c, s) => {
		ends.push([w.id, c, s]);
		if (ends.length === 3) console.log(JSON.stringify(ends.sort()));
	});
}

function worker() {
	process.on('message', m => m === 'quit' && process.exit(3));
	http.createServer((q, r) => {
		let s = '';
		for (let i = 0; i < 3000; i++) s += i;
		r.end(s);
	}).listen(0);
}

if (cluster.isPrimary) primary(); else worker();
