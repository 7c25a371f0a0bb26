# flame.py - draws the stacks of a profile as a flame graph: flame.py PROFILE [SAMPLE_INDEX] >SVG
# SPDX-License-Identifier: MIT
"""For the picture in README.md; `go tool pprof -http` shows the same one alive."""
import html
import re
import subprocess
import sys

WIDTH, ROW, TOP, LEAST = 1000, 17, 30, 4
UNITS = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1e3, "": 1, "B": 1, "kB": 1024, "MB": 1 << 20, "GB": 1 << 30}


def traces(profile, index):
    out = subprocess.run(["go", "tool", "pprof", "-traces", "-noinlines", f"-sample_index={index}", profile],
                         check=True, capture_output=True, text=True).stdout
    for block in re.split(r"^-+\+-+$", out, flags=re.M)[1:]:
        lines = [line for line in block.splitlines() if line.strip() and not re.match(r"\s*[\w:]+:  ", line)]
        match = lines and re.match(r"\s*([\d.]+)(\w*)\s+(\S.*)", lines[0])
        if match:
            value = float(match[1]) * UNITS[match[2]]
            yield value, [match[3], *(line.strip() for line in lines[1:])][::-1]


def grow(profile, index):
    root = {"value": 0.0, "next": {}}
    for value, names in traces(profile, index):
        node = root
        node["value"] += value
        for name in names:
            node = node["next"].setdefault(name, {"value": 0.0, "next": {}})
            node["value"] += value
    return root


def height(node, least):
    """Of what will be drawn."""
    return 1 + max((height(n, least) for n in node["next"].values() if n["value"] >= least), default=0)


def label(name, width):
    """As much of the name as fits, or nothing."""
    room = int((width - 6) / 6.7)
    if len(name) <= room:
        return html.escape(name)
    return html.escape(name[:room - 2]) + ".." if room >= 5 else ""


def draw(name, node, x, depth, scale, bottom, total, out):
    width = node["value"] * scale
    if width < LEAST:
        return
    y = bottom - depth * ROW
    hue = sum(map(ord, name)) % 40
    out.append(f'<g><title>{html.escape(name)}: {100 * node["value"] / total:.1f} %</title>'
               f'<rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}" fill="hsl({hue},75%,62%)"/>'
               f'<text x="{x + 3:.1f}" y="{y + 12}">{label(name, width)}</text></g>')
    for child, below in sorted(node["next"].items()):
        draw(child, below, x, depth + 1, scale, bottom, total, out)
        x += below["value"] * scale


def main():
    profile, index = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else "cpu"
    root = grow(profile, index)
    if not root["value"]:
        sys.exit(f"flame: there is no sample in {profile}")
    full = TOP + ROW * height(root, LEAST * root["value"] / WIDTH) + 10
    out = []
    draw("all", root, 0, 0, WIDTH / root["value"], full - ROW - 10, root["value"], out)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{full}" '
          f'font-family="monospace" font-size="11"><rect width="100%" height="100%" fill="#fffdf5"/>'
          f'<text x="8" y="18" font-size="13">{index}, recorded by libconprof</text>', *out, "</svg>", sep="\n")


main()
