# The studio with nano, on a CPU: docker build -t bark-studio . (docs/space_and_image.md)
FROM python:3.11-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
WORKDIR /src
COPY requirements.txt .
RUN python -m venv /opt/bark \
 && /opt/bark/bin/pip install --no-cache-dir --index-url https://download.pytorch.org/whl/cpu \
      "$(grep '^torch==' requirements.txt)" \
 && /opt/bark/bin/pip install --no-cache-dir -r requirements.txt prometheus_client
COPY . .
RUN BARK_BUILD_NATIVE=1 /opt/bark/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
RUN apt-get update \
 && apt-get install -y --no-install-recommends ffmpeg \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --create-home bark && install -d -o bark /takes
COPY --from=build /opt/bark /opt/bark
COPY app.py /home/bark/app.py
USER bark
WORKDIR /home/bark
ENV PATH=/opt/bark/bin:$PATH \
    BARK_OFFLINE=1 \
    BARK_TAKES_DIR=/takes \
    GRADIO_ANALYTICS_ENABLED=False \
    GRADIO_SERVER_NAME=0.0.0.0 \
    GRADIO_SERVER_PORT=7860
VOLUME /takes
EXPOSE 7860
HEALTHCHECK --interval=10s --timeout=5s --start-period=120s CMD ["python", "-c", \
  "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/readyz', timeout=4)"]
CMD ["python", "app.py"]
