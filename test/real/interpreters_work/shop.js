// shop.js - burns CPU time in functions that V8 compiles; SECONDS of it.
// SPDX-License-Identifier: MIT
'use strict';

function countDown(n) {
	return n < 2 ? n : countDown(n - 1) + countDown(n - 2);
}

class Till {
	total(list) {
		let sum = 0;
		for (const item of list)
			sum += item.price * item.count % 7;
		return sum;
	}
}

function parse(text) {
	return JSON.parse(text);
}

const seconds = Number(process.argv[2]);
const list = [];
for (let i = 0; i < 3000; i++)
	list.push({name: 'x' + i, price: i, count: 2});
const till = new Till();
let sum = 0;
while (process.cpuUsage().user < seconds * 1e6) {
	for (let i = 0; i < 50; i++)
		sum += till.total(list);
	sum += countDown(24) + till.total(parse(JSON.stringify(list)));
}
console.log(sum > 0);
