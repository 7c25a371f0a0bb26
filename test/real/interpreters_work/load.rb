# load.rb - ruby: threads, ractors, forks, traps (PROF among them), Timeout, GC.stress, deep recursion.
# SPDX-License-Identifier: MIT
require 'open3'
require 'timeout'
$stdout.sync = true
$VERBOSE = nil
n = 0
p Signal.trap('PROF') { n += 1 }
3.times { |i| Process.kill('PROF', $$); sleep 0.01 while n <= i }
p n
p 8.times.map { |i| Thread.new { (0...20000).sum { |k| k.to_s.size } + i } }.map(&:value)
pids = 15.times.map { |i| fork { (0..20000).map(&:to_s); exit!(i) } }
p pids.map { |pid| Process.wait2(pid)[1].exitstatus }
p Process.wait2(Process.spawn('exit 4'))[1].exitstatus
p Process.wait2(Process.spawn('kill -PROF $$'))[1].termsig
p `echo hi`, $?.exitstatus
out, err, status = Open3.capture3('cat; echo err >&2; exit 3', stdin_data: 'abc' * 100)
p out.size, err, status.exitstatus
[-> { loop { 'a' * 10 } }, -> { sleep 60 }].each do |work|
  Timeout.timeout(0.2, &work)
rescue Timeout::Error => e
  p e.class
end
GC.stress = true
a = []
200.times { |i| a << "s#{i}" }
GC.stress = false
p a.size
words = Enumerator.new { |y| 1000.times { |i| y << i } }
p 1000.times.sum { words.next }
def deep(n) = deep(n + 1)
begin
  deep(0)
rescue SystemStackError => e
  p e.class
end
p 4.times.map { |i| Ractor.new(i) { |x| (0..50000).sum + x } }.map(&:take)
h = {}
80000.times { |i| h["k#{i}"] = i }
p h.size, (1..20000).map { |i| i.to_s.reverse.to_i }.max
300.times { Thread.new { 1 }.join }
r, w = IO.pipe
Thread.new { sleep 0.05; w.puts 'x' }
p IO.select([r], nil, nil, 10)&.first&.size
p n
at_exit { puts 'bye' }
Signal.trap('TERM') { exit 9 }
Process.kill('TERM', $$)
sleep 60
