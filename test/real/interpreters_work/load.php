<?php // load.php - php: forks, alarms, signals, children, a lot of strings.
// SPDX-License-Identifier: MIT
function ends(array $pids): string {
	$r = [];
	foreach ($pids as $p) { pcntl_waitpid($p, $st); $r[] = pcntl_wexitstatus($st); }
	return implode(',', $r);
}
$pids = [];
for ($i = 0; $i < 12; $i++) {
	$p = pcntl_fork();
	if ($p == 0) { for ($s = $k = 0; $k < 200000; $k++) $s += strlen("x$k"); exit($i); }
	$pids[] = $p;
}
echo ends($pids), "\n";
pcntl_async_signals(true);
pcntl_signal(SIGPROF, function ($s) { echo "prof $s\n"; });
pcntl_signal(SIGUSR1, function ($s) { echo "usr1 $s\n"; });
posix_kill(posix_getpid(), SIGPROF);
posix_kill(posix_getpid(), SIGUSR1);
for ($i = 0; $i < 20; $i++) {
	$h = proc_open(['sh', '-c', "read x; echo got \$x; echo e >&2; exit $i"], [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']], $pipes);
	fwrite($pipes[0], "in$i\n");
	fclose($pipes[0]);
	echo stream_get_contents($pipes[1]), stream_get_contents($pipes[2]), proc_close($h), "\n";
}
echo shell_exec('echo shell');
exec('exit 7', $o, $rc);
echo $rc, "\n";
passthru('ls /proc/self/fd | wc -l');
$n = 0;
pcntl_signal(SIGALRM, function () use (&$n) { $n++; });
pcntl_alarm(1);
while ($n < 1) usleep(10000);
echo "alarm $n\n";
pcntl_sigprocmask(SIG_BLOCK, [SIGUSR2, SIGPROF]);
posix_kill(posix_getpid(), SIGUSR2);
echo pcntl_sigtimedwait([SIGUSR2, SIGPROF], $info, 1), "\n";
posix_kill(posix_getpid(), SIGPROF);
echo pcntl_sigwaitinfo([SIGPROF], $info), "\n";
pcntl_sigprocmask(SIG_UNBLOCK, [SIGPROF]);
for ($a = [], $i = 0; $i < 300000; $i++) $a["k$i"] = str_repeat('v', $i % 50);
ksort($a);
echo count($a), ' ', md5(serialize($a)), "\n";
unset($a);
gc_collect_cycles();
var_dump(@preg_match('/(a+)+$/', str_repeat('a', 5000) . 'b'), preg_last_error());
function deep($n) { return $n ? deep($n - 1) + 1 : 0; }
echo deep(20000), "\n";
fwrite(STDERR, "stderr\n");
exit(6);
