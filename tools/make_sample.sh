#!/bin/sh
# Speak the page's sample with Debian's Festival and its HTS voice (packages festival, festvox-us-slt-hts, sox).
#   tools/make_sample.sh [OUT.wav]
set -eu
out=${1:-"$(dirname "$0")/../web/assets/sample.wav"}
mkdir -p "$(dirname "$out")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

n=0
while IFS= read -r sentence; do
    n=$((n + 1))
    printf '%s' "$sentence" | text2wave -eval '(voice_cmu_us_slt_arctic_hts)' -o "$work/$(printf %02d $n).wav"
done <<'TEXT'
Hello, and welcome. My name is Lipwire.
Whatever you say to me, I say with you: every word, and every pause, in step with your own voice.
Put a picture of anybody in my place, or your favourite painting.
Then press start, and speak. I am all ears, and, of course, all lips.
TEXT

# a breath before, between and after the sentences, an even loudness, 22.05 kHz mono
for part in "$work"/*.wav; do sox "$part" "$part.padded.wav" silence 1 0.02 0.3% reverse silence 1 0.02 0.3% reverse pad 0.15 0.5; done
sox "$work"/*.padded.wav -b 16 -r 22050 -c 1 "$out" highpass 60 norm -3 pad 0.2 0.3
