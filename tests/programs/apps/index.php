<?php echo "pid=" . getmypid() . " peer=" . $_SERVER["REMOTE_ADDR"] . ":" . $_SERVER["REMOTE_PORT"] . "\n";
