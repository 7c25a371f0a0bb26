# load.pl - perl: ITIMER_PROF of its own, forks, threads if it has them, alarms, masks, a lot of strings.
# SPDX-License-Identifier: MIT
use strict;
use warnings;
use Config;
use POSIX;
use Time::HiRes qw(setitimer getitimer ITIMER_PROF);
$| = 1;
my $n = 0;
$SIG{PROF} = sub { $n++ };
setitimer(ITIMER_PROF, 0.02, 0.02);
my $x;
for (my $t = (times)[0]; (times)[0] - $t < 0.6;) { $x = join ',', 1 .. 100 }
my @left = getitimer(ITIMER_PROF);
setitimer(ITIMER_PROF, 0);
# The kernel counts this timer by whole ticks of its clock: on a busy machine it is not exact.
printf "%s %d\n", $n >= 5 && $n <= 120 ? 'about 30' : $n, $left[1] * 1000;
$n = 0;
for (my $t = (times)[0]; (times)[0] - $t < 0.2;) { $x = join ',', 1 .. 100 }
kill PROF => $$;
print "prof $n\n";

my @children;
for my $i (0 .. 20) {
	my $p = fork;
	if (!$p) { my $s = 0; $s += length "x$_" for 1 .. 50000; POSIX::_exit($i) }
	push @children, $p;
}
for (@children) { waitpid $_, 0; print $? >> 8, ' ' }
print "\n", `echo back; exit 3`, $? >> 8, "\n";
system 'exit 5';
print $? >> 8, "\n";
system 'sh', '-c', 'kill -PROF $$';
print "$?\n";
open my $f, '-|', 'sort', '-r', '/etc/passwd' or die;
my @lines = <$f>;
close $f;
print @lines > 3 ? "sorted\n" : "not\n";

if ($Config{useithreads}) {
	require threads;
	require Thread::Queue;
	my @threads = map { my $i = $_; threads->create(sub { my $s = 0; $s += length "y$_" for 1 .. 60000; $s + $i }) } 1 .. 4;
	print join(',', map { $_->join } @threads), "\n";
	my $q = Thread::Queue->new;
	my $c = threads->create(sub { my $s = 0; while (defined(my $v = $q->dequeue)) { $s += $v } $s });
	$q->enqueue($_) for 1 .. 2000;
	$q->end;
	print $c->join, "\n";
}

$SIG{ALRM} = sub { die "alarm\n" };
eval { alarm 1; select undef, undef, undef, 20 };
print $@;
my %h = map { $_ => [$_, "v$_"] } 1 .. 60000;
print length(join '', map { $h{$_}[1] } sort { $a <=> $b } keys %h), "\n";
my $set = POSIX::SigSet->new(SIGPROF);
sigprocmask(SIG_BLOCK, $set);
kill PROF => $$;
my $pending = POSIX::SigSet->new;
sigpending($pending);
my $before = $n;
sigsuspend(POSIX::SigSet->new);
print $pending->ismember(SIGPROF), ' ', $n - $before, "\n";
warn "warning\n";
$SIG{PROF} = 'DEFAULT';
sigprocmask(SIG_UNBLOCK, $set);
kill PROF => $$;
sleep 5;
print "not reached\n";
