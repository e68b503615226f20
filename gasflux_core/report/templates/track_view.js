"use strict";
// Turns the flight track with mouse, finger or keys. Parallel projection; far points are drawn first.
(function () {
  var canvas = document.getElementById("view");
  var picture = document.getElementById("view-picture");
  var ink = canvas && canvas.getContext && canvas.getContext("2d");
  if (!ink) { return; }
  var data = JSON.parse(document.getElementById("view-data").textContent);
  var azimuth = data.azimuth + data.turn, tilt = data.tilt, zoom = 1, held = null;
  picture.hidden = true;
  ["view", "view-key", "view-help"].forEach(function (name) { document.getElementById(name).hidden = false; });

  function project(east, north, up) {
    var a = azimuth * Math.PI / 180, b = tilt * Math.PI / 180;
    var away = east * Math.sin(a) + north * Math.cos(a);
    var raised = up * data.exaggeration;
    return [east * Math.cos(a) - north * Math.sin(a),
            raised * Math.cos(b) + away * Math.sin(b),
            away * Math.cos(b) - raised * Math.sin(b)];
  }

  function colour(value) {
    var share = (value - data.low) / (data.high - data.low);
    var last = data.colours.length - 1;
    return data.colours[Math.max(0, Math.min(last, Math.round(share * last)))];
  }

  function draw() {
    var ratio = window.devicePixelRatio || 1;
    var width = canvas.clientWidth, height = canvas.clientHeight;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    ink.setTransform(ratio, 0, 0, ratio, 0, 0);
    var style = getComputedStyle(canvas);
    var half = data.half, floor = data.floor;
    var reach = Math.hypot(half[0], half[1]) || 1;
    var scale = zoom * Math.min(0.46 * width / reach,
                                0.46 * height / (Math.abs(floor) * data.exaggeration + reach * Math.sin(tilt * Math.PI / 180)));
    function place(point) {
      var at = project(point[0], point[1], point[2]);
      return [width / 2 + at[0] * scale, height / 2 - at[1] * scale, at[2]];
    }
    function line(points, stroke, wide) {
      ink.beginPath();
      points.forEach(function (point, index) {
        var at = place(point);
        if (index) { ink.lineTo(at[0], at[1]); } else { ink.moveTo(at[0], at[1]); }
      });
      ink.strokeStyle = stroke;
      ink.lineWidth = wide;
      ink.stroke();
    }
    var pad = 0.08 * reach, e = half[0] + pad, n = half[1] + pad;
    line([[-e, -n, floor], [e, -n, floor], [e, n, floor], [-e, n, floor], [-e, -n, floor]], style.borderTopColor, 1);
    // shadow of the track on the floor
    line(data.points.map(function (p) { return [p[0], p[1], floor]; }), style.borderTopColor, 1);
    line(data.points, style.borderTopColor, 1);
    data.points.map(function (p) { return [place(p), p[3]]; })
      .sort(function (one, other) { return other[0][2] - one[0][2]; })
      .forEach(function (item) {
        ink.beginPath();
        ink.arc(item[0][0], item[0][1], 2.6, 0, 7);
        ink.fillStyle = colour(item[1]);
        ink.fill();
      });
    ink.fillStyle = style.color;
    ink.font = "12px system-ui, sans-serif";
    ink.textAlign = "center";
    [["N", 0, n], ["S", 0, -n], ["E", e, 0], ["W", -e, 0]].forEach(function (mark) {
      var at = place([mark[1] * 1.1, mark[2] * 1.1, floor]);
      ink.fillText(data.names[mark[0]], at[0], at[1] + 4);
    });
  }

  function turn(right, down) {
    azimuth += right;
    tilt = Math.max(0, Math.min(90, tilt + down));
    draw();
  }
  canvas.addEventListener("pointerdown", function (event) {
    held = [event.clientX, event.clientY];
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", function (event) {
    if (!held) { return; }
    turn((event.clientX - held[0]) * 0.4, (event.clientY - held[1]) * 0.4);
    held = [event.clientX, event.clientY];
  });
  ["pointerup", "pointercancel"].forEach(function (name) {
    canvas.addEventListener(name, function () { held = null; });
  });
  canvas.addEventListener("keydown", function (event) {
    var steps = { ArrowLeft: [-5, 0], ArrowRight: [5, 0], ArrowUp: [0, -5], ArrowDown: [0, 5] };
    if (steps[event.key]) {
      turn(steps[event.key][0], steps[event.key][1]);
    } else if (event.key === "+" || event.key === "-") {
      zoom = Math.max(0.4, Math.min(6, zoom * (event.key === "+" ? 1.2 : 1 / 1.2)));
      draw();
    } else {
      return;
    }
    event.preventDefault();
  });
  window.addEventListener("resize", draw);
  draw();
})();
