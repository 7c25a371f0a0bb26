// prof.js - what node's own profiler, which lives on SIGPROF, is to look at.
// SPDX-License-Identifier: MIT
function fib(n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
const a = [];
for (let i = 0; i < 300000; i++) a.push('x' + i);
console.log(fib(34), a.length);
