// What htmx does not do: the theme switch, moments in the reader's own time zone, a menu on phones, copy buttons,
// questions before something is done, and a keyboard that keeps its place.  Everything works without it, but for the alphabet as one types.
(function () {
  "use strict";
  var root = document.documentElement;
  var theme = null;
  try { theme = localStorage.getItem("theme"); } catch (error) { /* private windows */ }
  if (theme) { root.setAttribute("data-theme", theme); }

  function moments(part) {
    part.querySelectorAll("time[datetime]").forEach(function (each) {
      if (each.dataset.told) { return; }
      var at = new Date(each.getAttribute("datetime"));
      if (isNaN(at)) { return; }
      each.dataset.told = "1";
      each.title = each.getAttribute("datetime") + " UTC";
      var two = function (n) { return String(n).padStart(2, "0"); };
      var day = at.getFullYear() + "-" + two(at.getMonth() + 1) + "-" + two(at.getDate());
      var today = new Date();
      var is_today = at.toDateString() === today.toDateString();
      var clock = two(at.getHours()) + ":" + two(at.getMinutes()) + ":" + two(at.getSeconds());
      if (each.closest("[data-precise]")) { clock += "." + String(at.getMilliseconds()).padStart(3, "0"); }
      each.textContent = is_today && !each.closest("[data-precise]") ? clock : day + " " + clock;
    });
  }

  document.addEventListener("DOMContentLoaded", function () {
    moments(document);
    var button = document.getElementById("theme");
    if (button) {
      button.hidden = false;
      button.addEventListener("click", function () {
        var is_dark = root.getAttribute("data-theme") === "dark" ||
          (!root.getAttribute("data-theme") && matchMedia("(prefers-color-scheme: dark)").matches);
        var next = is_dark ? "light" : "dark";
        root.setAttribute("data-theme", next);
        try { localStorage.setItem("theme", next); } catch (error) { /* it lasts for this page */ }
      });
    }
  });
  // What the keyboard is on stays there: what is read anew every few seconds waits until it has gone on.
  document.addEventListener("htmx:beforeSwap", function (event) {
    var at = document.activeElement;
    if (event.detail.target.id === "live" && event.detail.target.contains(at) && at.matches(":focus-visible")) {
      event.detail.shouldSwap = false;
    }
  });
  document.addEventListener("htmx:afterSettle", function (event) { moments(event.target); });

  document.addEventListener("submit", function (event) {
    var question = event.submitter && event.submitter.dataset.sure || event.target.dataset.sure;
    if (question && !window.confirm(question)) { event.preventDefault(); }
  });

  document.addEventListener("click", function (event) {
    var copy = event.target.closest("[data-copy]");
    if (copy) {
      var source = document.getElementById(copy.dataset.copy);
      navigator.clipboard.writeText(source.textContent.trim()).then(function () { copy.textContent = "Copied"; });
    }
  });

  document.addEventListener("change", function (event) {
    var all = event.target.closest("[data-all]");
    if (all) {
      document.querySelectorAll('input[name="' + all.dataset.all + '"]').forEach(function (each) {
        each.checked = all.checked;
      });
    }
  });
})();
