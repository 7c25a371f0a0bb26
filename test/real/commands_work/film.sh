# film.sh - ffmpeg with threads: each frame is the same to the bit.
# SPDX-License-Identifier: MIT
F="ffmpeg -hide_banner -nostats -v error -nostdin"
$F -f lavfi -i testsrc=size=640x360:rate=25:duration=3 -f lavfi -i sine=duration=3 -threads 2 -c:v mpeg4 \
	-b:v 1M -c:a aac -bitexact -fflags +bitexact a.mp4
echo "mpeg4 $?"
$F -threads 2 -i a.mp4 -f framemd5 a.md5
echo "framemd5 $?"
$F -f lavfi -i testsrc2=size=480x270:rate=25:duration=2 -c:v libx264 -preset ultrafast -threads 3 -bitexact \
	-fflags +bitexact b.mkv
echo "x264 $?"
$F -threads 2 -i b.mkv -vf scale=320:180,hue=s=0 -f framemd5 -
$F -i nothing.mp4
echo "nothing $?"
head -c 20000 a.mp4 >short.mp4
$F -i short.mp4 -f null - 2>/dev/null
echo "short $?"
ffprobe -v error -show_entries stream=codec_name,nb_frames -of csv a.mp4
