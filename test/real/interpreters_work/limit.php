<?php // limit.php - php ends what takes too long by ITIMER_PROF: so must it with us, and not earlier.
// SPDX-License-Identifier: MIT
function cpu() { $u = getrusage(); return $u['ru_utime.tv_sec'] + $u['ru_stime.tv_sec'] + ($u['ru_utime.tv_usec'] + $u['ru_stime.tv_usec']) / 1e6; }
set_time_limit(2);
usleep(2500000); // asleep: costs nothing of it
for ($began = cpu(); cpu() - $began < 0.3;) md5('x');
echo "not ended by the wall's clock\n";
set_time_limit(1);
$began = cpu();
register_shutdown_function(function () use ($began) {
	// The kernel counts this timer by whole ticks of its clock: on a busy machine it is not exact.
	$took = cpu() - $began;
	echo $took > 0.4 && $took < 2.5 ? "by the CPU's clock\n" : "after $took seconds\n";
});
while (true) md5('x');
