<?php
// shop.php - burns CPU time in functions that PHP compiles; SECONDS of it.
// SPDX-License-Identifier: MIT

function count_down($n)
{
	return $n < 2 ? $n : count_down($n - 1) + count_down($n - 2);
}

class Till
{
	public function total($prices)
	{
		$sum = 0;
		foreach ($prices as $price)
			$sum += $price * $price % 7;
		return $sum;
	}
}

function used()
{
	$usage = getrusage();
	return $usage['ru_utime.tv_sec'] + $usage['ru_utime.tv_usec'] / 1e6;
}

$till = new Till;
$prices = range(1, 5000);
$sum = 0;
while (used() < (float)$argv[1])
	$sum += count_down(18) + $till->total($prices);
echo $sum > 0 ? "true\n" : "false\n";
